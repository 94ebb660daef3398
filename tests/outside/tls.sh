#!/bin/sh
# What curl and openssl see of outside_server's TLS, and what SIGHUP does.
set -u
url=$1
where=${url#https://}
failures=0

check() { # what, got, wanted
  [ "$2" = "$3" ] && return
  failures=$((failures + 1))
  printf '%s: got "%s", wanted "%s"\n' "$1" "$2" "$3"
}
ask() { curl -sS -m 20 "$@"; }
fails() { # what curl says of it
  ask -o /dev/null "$@" 2>/dev/null
  echo $?
}
served() { openssl s_client -connect "$where" </dev/null 2>/dev/null | openssl x509 -noout -subject; }

check "TLS 1.2" "$(ask --tlsv1.2 --tls-max 1.2 "$url")" "OK"
check "TLS 1.3" "$(ask --tlsv1.3 "$url")" "OK"
check "TLS 1.1" "$(fails --tlsv1.1 --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 "$url")" "35"
check "an authority that is not known" "$(fails --cacert /dev/null "$url")" "77"
check "another authority" "$(fails --cacert "$AFT_TLS/client.pem" "$url")" "60"
check "what ALPN chose" "$(ask -o /dev/null -w '%{http_version}' "$url")" "1.1"
check "HTTP/2 alone" "$(openssl s_client -connect "$where" -alpn h2 </dev/null 2>&1 |
  grep -c 'no application protocol')" "1"
check "no certificate" "$(ask "$url/client")" "secure nobody"
check "a certificate" "$(ask --cert "$AFT_TLS/client.pem" --key "$AFT_TLS/client.key" "$url/client")" \
  "secure CN=client,O=aft"
check "HSTS" "$(ask -I "$url" | tr -d '\r' | sed -n 's/^Strict-Transport-Security: //p')" \
  "max-age=31536000"
check "plain HTTP" "$(ask -o /dev/null -w '%{http_code}' "http://$where")" "400"
check "renegotiation" "$(printf 'R\n' | openssl s_client -tls1_2 -connect "$where" 2>&1 |
  grep -c 'no renegotiation')" "1"

check "before the reload" "$(served)" "subject=O = aft, CN = server"
sh "$AFT_TLS/issue.sh" renewed
cp "$AFT_TLS/renewed.pem" "$AFT_TLS/server.pem"
kill -HUP "$AFT_SERVER" # the key does not fit yet
cp "$AFT_TLS/renewed.key" "$AFT_TLS/server.key"
kill -HUP "$AFT_SERVER"
for _ in 1 2 3 4 5 6 7 8 9 10; do
  [ "$(served)" = "subject=O = aft, CN = server" ] || break
  sleep 0.5
done
check "after the reload" "$(served)" "subject=O = aft, CN = renewed"
check "it still answers" "$(ask "$url")" "OK"

[ $failures = 0 ] && echo "tls: all well"
exit $((failures != 0))
