<?php
// PHPMailer, as WordPress and Nextcloud use it: PORT USER.
require '/usr/share/php/libphp-phpmailer/autoload.php';
$mail = new PHPMailer\PHPMailer\PHPMailer(false);
$mail->isSMTP();
$mail->Host = '127.0.0.1';
$mail->Port = (int) $argv[1];
$mail->SMTPSecure = 'tls';
$mail->SMTPOptions = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false, 'allow_self_signed' => true]];
$mail->SMTPAuth = true;
$mail->AuthType = 'PLAIN';
$mail->Username = $argv[2];
$mail->Password = 'secret';
$mail->setFrom($argv[2]);
$mail->addAddress('guest@adatum.example');
$mail->Subject = 'made up';
$mail->Body = 'made up';
echo $mail->send() ? "sent\n" : $mail->ErrorInfo . "\n";
