#!/usr/bin/perl
# The addresses that two parsers of other people find in a From field: Dovecot's own (Email::Address::XS) and the oldest of
# Perl (Mail::Address). Says "ready", then reads lines of hexadecimal digits, a value each, and writes a line each: the
# addresses of the one, a tab, those of the other, each in hexadecimal digits with a blank behind.
use strict;
use warnings;
use Email::Address::XS qw(parse_email_addresses);
use Mail::Address;

$SIG{__WARN__} = sub { };    # both complain of what they can't read
$| = 1;
print "ready\n";

sub hex_list { return join '', map { unpack('H*', $_) . ' ' } grep { defined && /@/ } @_ }

while (my $line = <STDIN>) {
    chomp $line;
    my $value = pack 'H*', $line;
    $value =~ s/\r?\n(?=[ \t])//g;
    my @dovecot = eval { map { $_->address } parse_email_addresses($value) };
    my @old = eval { map { $_->address } Mail::Address->parse($value) };
    print hex_list(@dovecot), "\t", hex_list(@old), "\n";
}
