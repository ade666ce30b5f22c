# Asks the web program of the clean system for a path, with the token of the file $TOKEN, or /root/web-token, where there is one, and prints the status and the body.
#
#   perl web.pl PATH [JSON]    with JSON it is a POST
use strict;
use warnings;
use IO::Socket::UNIX;

alarm 20;
my $s = IO::Socket::UNIX->new(Peer => '/run/postern-web/web.sock') or die "connecting: $!\n";
$s->autoflush(1);
my $token = '';
if (open my $file, '<', $ENV{TOKEN} // '/root/web-token') {
    $token = 'Authorization: Bearer ' . (<$file> =~ s/\s//gr) . "\r\n";
}
my $body = $ARGV[1] // '';
my $more = $body eq '' ? '' : 'Content-Type: application/json' . "\r\nContent-Length: " . length($body) . "\r\n";
print $s +($body eq '' ? 'GET' : 'POST'), " $ARGV[0] HTTP/1.1\r\nHost: localhost\r\n${token}${more}Connection: close\r\n\r\n$body";
local $/;
my $answer = <$s> // die "no answer\n";
$answer =~ m{\AHTTP/1.1 (\d+) .*?\r\n\r\n(.*)}s or die "this is no reply: $answer\n";
print "$1 $2";
