#!/bin/sh
# curl against outside_server.
set -u
url=$1
served=$2
failures=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

check() { # what, got, wanted
  [ "$2" = "$3" ] && return
  failures=$((failures + 1))
  printf '%s: got "%s", wanted "%s"\n' "$1" "$2" "$3"
}
ask() { curl -sS -m 20 "$@"; }
status() { ask -o /dev/null -w '%{http_code}' "$@"; }

check "GET" "$(ask "$url")" "OK"
check "HTTP/1.0" "$(ask -0 "$url")" "OK"
check "a body" "$(ask -d hello "$url")" "hello"
check "HEAD" "$(ask -I "$url" | tr -d '\r' | sed -n 's/^Content-Length: //p')" "2"
head -c 3000000 /dev/urandom >"$folder/large"
ask -H "Expect: 100-continue" --data-binary @"$folder/large" -o "$folder/back" "$url"
check "a large body after 100-continue" "$(cmp "$folder/large" "$folder/back" && echo same)" "same"
ask -H "Transfer-Encoding: chunked" --data-binary @"$folder/large" -o "$folder/back" "$url"
check "a chunked body" "$(cmp "$folder/large" "$folder/back" && echo same)" "same"
check "too large a body" "$(status -H "Content-Length: 99999999" -d x "$url")" "413"
check "JSON" "$(ask -H "Content-Type: application/json" -d '{"a":1}' "$url/json")" '{"a":1}'
check "no JSON" "$(status -H "Content-Type: application/json" -d '{' "$url/json")" "400"
check "no such path" "$(status "$url/nowhere")" "404"
check "dots" "$(status --path-as-is "$url/a/../b")" "400"
check "a wrong method" "$(status -X PUT "$url/json")" "405"
check "OPTIONS" "$(ask -X OPTIONS -i "$url/json" | tr -d '\r' | sed -n 's/^Allow: //p')" "POST, OPTIONS"
check "cookies" "$(ask -b "a=1; b=two" "$url/cookie" | tr '\n' ',')" "a=1,b=two,"
check "a long header" "$(status -H "X: $(head -c 20000 /dev/zero | tr '\0' x)" "$url")" "431"
check "a long path" "$(status "$url/$(head -c 9000 /dev/zero | tr '\0' x)")" "414"
check "two on one connection" "$(ask -w '%{num_connects} ' -o /dev/null "$url" -o /dev/null "$url")" "1 0 "

head -c 3000000 /dev/urandom >"$served/large.bin"
printf 'let x = 1' >"$served/app.js"
printf 'let x = 1' | gzip >"$served/app.js.gz"
ask -o "$folder/back" "$url/static/large.bin"
check "a file" "$(cmp "$served/large.bin" "$folder/back" && echo same)" "same"
head -c 1000000 "$served/large.bin" >"$folder/part"
ask -C - -o "$folder/part" "$url/static/large.bin"
check "a download that goes on" "$(cmp "$served/large.bin" "$folder/part" && echo same)" "same"
ask -r 1000-1999,5000-5999 -o "$folder/ranges" "$url/static/large.bin"
check "two ranges" "$(grep -ac '^Content-Range: bytes [15]' "$folder/ranges")" "2"
check "a file again" "$(
  ask --etag-save "$folder/etag" -o /dev/null "$url/static/app.js"
  status --etag-compare "$folder/etag" "$url/static/app.js"
)" "304"
check "a compressed sibling" "$(ask --compressed "$url/static/app.js")" "let x = 1"
check "out of the directory" "$(status --path-as-is "$url/static/..%2f..%2fetc%2fpasswd")" "400"
check "a form" "$(ask -F a=b -F "f=@$served/app.js;filename=dir/x.js" "$url/multipart")" \
  '[{"name":"a","filename":null,"data_b64":"Yg=="},{"name":"f","filename":"x.js","data_b64":"bGV0IHggPSAx"}]'
check "no form" "$(status -d a=b "$url/multipart")" "415"
seen=$(ask -N -m 1 "$url/events" 2>/dev/null | sed -n 's/^id: //p' | tail -n 1)
missed=$(ask -N -m 1 -H "Last-Event-ID: $seen" "$url/events" 2>/dev/null | sed -n 's/^id: //p' | head -n 1)
check "events go on where they were left" "$missed" "${seen%-*}-$((${seen##*-} + 1))"
check "a foreign name" "$(status -H "Host: evil.example" "$url")" "421"
check "a foreign page" "$(status -H "Origin: https://evil.example" -d x "$url")" "403"

[ $failures = 0 ] && echo "curl: all well"
exit $((failures != 0))
