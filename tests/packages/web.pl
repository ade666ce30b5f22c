# Asks the web program of the clean system for a path, with the token of /root/web-token where there is one, and prints the status and the body.
use strict;
use warnings;
use IO::Socket::UNIX;

alarm 20;
my $s = IO::Socket::UNIX->new(Peer => '/run/postern-web/web.sock') or die "connecting: $!\n";
$s->autoflush(1);
my $token = '';
if (open my $file, '<', '/root/web-token') {
    $token = 'Authorization: Bearer ' . (<$file> =~ s/\s//gr) . "\r\n";
}
print $s "GET $ARGV[0] HTTP/1.1\r\nHost: localhost\r\n${token}Connection: close\r\n\r\n";
local $/;
my $answer = <$s> // die "no answer\n";
$answer =~ m{\AHTTP/1.1 (\d+) .*?\r\n\r\n(.*)}s or die "this is no reply: $answer\n";
print "$1 $2";
