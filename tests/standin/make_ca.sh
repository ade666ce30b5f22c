#!/bin/bash
# Makes what the stand-in needs to prove who it is, and what its client needs to sign in: a CA of its own, server
# certificates (one good, four bad ones), client keys, a secret. Keys are made anew each time; all stays in the folder.
#
#   make_ca.sh DIR
set -eu
umask 077
[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p "$1"
cd "$1"

quietly() { "$@" 2>openssl.err || { cat openssl.err >&2; exit 1; }; }
ec_key() { quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
# Entra accepts RSA only for PS256 and RS256.
rsa_key() { quietly openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1"; }

# authority NAME SUBJECT
authority()
{
    ec_key "$1.key"
    quietly openssl req -x509 -new -key "$1.key" -sha256 -days 30 -subj "/CN=$2" -out "$1.pem" \
        -addext 'keyUsage=critical,keyCertSign,cRLSign'
}

# server NAME CA DAYS SUBJECT_ALT_NAMES
server()
{
    ec_key "$1.key"
    quietly openssl req -new -key "$1.key" -subj "/CN=postern test server ($1)" -out "$1.csr"
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n' "$4" >"$1.ext"
    quietly openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -sha256 -days "$3" \
        -extfile "$1.ext" -out "$1.pem"
    rm "$1.csr" "$1.ext"
}

# client NAME: a self-signed certificate, as administrators upload it to an application.
client()
{
    rsa_key "$1.key"
    quietly openssl req -x509 -new -key "$1.key" -sha256 -days 30 -subj "/CN=postern-mirror ($1)" -out "$1.pem"
}

names='DNS:localhost,DNS:outlook.localhost,DNS:login.localhost,DNS:graph.localhost,DNS:eur01.localhost'
names=$names,DNS:eur01.outlook.localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1

authority ca 'postern test CA'
authority unknown-ca 'postern test CA that nobody trusts'
server server-good ca 30 "$names"
# Of no day: since the second that follows it. (Later versions of OpenSSL refuse an end before the beginning.)
server server-expired ca 0 "$names"
server server-wronghost ca 30 DNS:elsewhere.example
server server-unknownca unknown-ca 30 "$names"
ec_key server-selfsigned.key
quietly openssl req -x509 -new -key server-selfsigned.key -sha256 -days 30 -subj /CN=localhost \
    -out server-selfsigned.pem -addext "subjectAltName=$names"

client client
client other
rsa_key federated.key
quietly openssl pkey -in federated.key -pubout -out federated.pub

quietly openssl rand -base64 -out client.pass 24
quietly openssl pkcs12 -export -inkey client.key -in client.pem -passout file:client.pass -out client.p12
quietly openssl pkcs8 -topk8 -in client.key -passout file:client.pass -out client.enc.key
quietly openssl rand -base64 -out secret 30
rm -f openssl.err ca.srl unknown-ca.srl
chmod 644 ./*.pem
