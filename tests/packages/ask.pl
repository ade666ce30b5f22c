# Asks the services of the clean system as Postfix does, and prints what they answer.
#
#   perl ask.pl policyd LOGIN INSTANCE [QUEUE-ID]    the action for a message, "action=..."
#   perl ask.pl milter                    the command that a milter begins with, "O"
#   perl ask.pl sasl RESPONSE             what becomes of AUTH PLAIN, "OK..." or "FAIL..."
use strict;
use warnings;
use IO::Socket::UNIX;

my ($program, $login, $instance, $queue_id) = @ARGV;
alarm 20;
my $s = IO::Socket::UNIX->new(Peer => "/run/postern/$program.sock") or die "connecting: $!\n";
$s->autoflush(1);

if ($program eq 'milter') {
    print $s pack('NaNNN', 13, 'O', 6, 0x1ff, 0x1fffff);
    read($s, my $answer, 5) == 5 or die "no answer\n";
    print substr($answer, 4), "\n";
    exit;
}

if ($program eq 'sasl') {
    print $s "VERSION\t1\t1\nCPID\t$$\n";
    while (my $line = <$s>) {
        print $s "AUTH\t1\tPLAIN\tservice=smtp\trip=192.0.2.15\tsecured\tresp=$login\n"
            if $line eq "DONE\n";
        next if $line !~ /^(OK|FAIL)/;
        print $line;
        exit;
    }
    die "no answer\n";
}

for my $state ('RCPT', 'END-OF-MESSAGE') {
    my $count = $state eq 'RCPT' ? 0 : 1;
    print $s "request=smtpd_access_policy\nprotocol_state=$state\nprotocol_name=ESMTP\nhelo_name=client\n",
        "client_address=192.0.2.15\nclient_name=unknown\nclient_port=50000\nsasl_method=PLAIN\n",
        "sasl_username=$login\nsender=$login\nrecipient=guest\@adatum.example\nrecipient_count=$count\n",
        "queue_id=", $queue_id // '', "\ninstance=$instance\nsize=1000\nencryption_protocol=TLSv1.3\nencryption_cipher=x\nencryption_keysize=256\n\n";
    my $action = <$s> // die "no answer\n";
    <$s>;
    if ($state ne 'RCPT' || $action !~ /DUNNO/) {
        print $action;
        last;
    }
}
