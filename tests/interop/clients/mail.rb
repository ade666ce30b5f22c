# Net::SMTP, as Rails and GitLab use it: PORT USER.
require 'net/smtp'
port, user = ARGV
message = "From: #{user}\r\nTo: guest@adatum.example\r\nSubject: made up\r\n\r\nmade up\r\n"
smtp = Net::SMTP.new('127.0.0.1', port.to_i)
context = OpenSSL::SSL::SSLContext.new
context.verify_mode = OpenSSL::SSL::VERIFY_NONE
smtp.enable_starttls(context)
begin
  smtp.start('client.contoso.example', user, 'secret', :plain) { |s| s.send_message(message, user, 'guest@adatum.example') }
  puts 'sent'
rescue StandardError => e
  puts "#{e.class}: #{e.message}"
end
