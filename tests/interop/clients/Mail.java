// Jakarta Mail, as Jenkins and Jira use it: PORT USER.
import jakarta.mail.Message;
import jakarta.mail.MessagingException;
import jakarta.mail.Session;
import jakarta.mail.Transport;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeMessage;
import java.util.Properties;

public class Mail {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("mail.smtp.host", "127.0.0.1");
        settings.put("mail.smtp.port", arguments[0]);
        settings.put("mail.smtp.auth", "true");
        settings.put("mail.smtp.starttls.required", "true");
        settings.put("mail.smtp.starttls.enable", "true");
        settings.put("mail.smtp.ssl.trust", "*");
        settings.put("mail.smtp.ssl.checkserveridentity", "false");
        MimeMessage message = new MimeMessage(Session.getInstance(settings));
        message.setFrom(new InternetAddress(arguments[1]));
        message.setRecipient(Message.RecipientType.TO, new InternetAddress("guest@adatum.example"));
        message.setSubject("made up");
        message.setText("made up");
        try {
            Transport.send(message, arguments[1], "secret");
            System.out.println("sent");
        } catch (MessagingException e) {
            for (Exception each = e; each != null; each = each instanceof MessagingException m ? m.getNextException() : null) {
                System.out.println(each.getClass().getSimpleName() + ": " + each.getMessage());
            }
        }
    }
}
