// nodemailer: PORT USER.
const [port, user] = process.argv.slice(2);
const transport = require('nodemailer').createTransport({
  host: '127.0.0.1', port: Number(port), secure: false, requireTLS: true,
  tls: { rejectUnauthorized: false }, auth: { user, pass: 'secret' },
});
transport.sendMail({ from: user, to: 'guest@adatum.example', subject: 'made up', text: 'made up' })
  .then(() => console.log('sent'), (error) => console.log(error.message));
