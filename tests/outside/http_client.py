#!/usr/bin/env python3
"""Python's http.client against outside_server: keep-alive, chunked bodies, methods, errors."""

import http.client
import sys
import urllib.parse

failures = 0


def check(what, got, wanted):
    global failures
    if got != wanted:
        failures += 1
        print(f"{what}: got {got!r}, wanted {wanted!r}")


def main():
    where = urllib.parse.urlsplit(sys.argv[1])
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    c = kinds[where.scheme](where.hostname, where.port, timeout=10)

    def ask(method, path, body=None, headers={}, **options):
        c.request(method, path, body, headers, **options)
        answer = c.getresponse()
        return answer, answer.read()

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"):
        answer, body = ask(method, "/")
        check(method, (answer.status, body), (200, b"OK"))
    local = c.sock.getsockname()
    answer, body = ask("HEAD", "/")
    check("HEAD", (answer.status, body, answer.getheader("Content-Length")), (200, b"", "2"))
    answer, body = ask("POST", "/", b"x" * 1_000_000)
    check("a large body", body, b"x" * 1_000_000)
    answer, body = ask("POST", "/", iter([b"a", b"bc", b"", b"d" * 70_000]), encode_chunked=True)
    check("a chunked body", body, b"abc" + b"d" * 70_000)
    check("one connection for all", c.sock.getsockname(), local)

    answer, body = ask("POST", "/json", b'{"a": [1, 2.5, "\xc3\xa4"]}', {"Content-Type": "application/json"})
    check("JSON", (answer.status, body), (200, b'{"a": [1, 2.5, "\xc3\xa4"]}'))
    for wrong in (b"{", b"{'a':1}", b"\xff", b"[" * 1000):
        answer, body = ask("POST", "/json", wrong, {"Content-Type": "application/json"})
        check(wrong[:10], answer.status, 400)
        check("its type", answer.getheader("Content-Type"), "application/problem+json")

    answer, body = ask("GET", "/echo", headers={"X-Test": "  spaced  ", "Cookie": "a=1; b=2"})
    check("a header comes back", b"X-Test: spaced\n" in body, True)
    answer, body = ask("GET", "/cookie", headers={"Cookie": "a=1; b=2"})
    check("cookies", body, b"a=1\nb=2\n")
    check("no such path", ask("GET", "/nowhere")[0].status, 404)
    check("a wrong method", ask("GET", "/json")[0].status, 405)
    check("a wrong type", ask("POST", "/json", b"{}")[0].status, 415)

    c.putrequest("GET", "/", skip_host=True)
    c.endheaders()
    check("no Host", c.getresponse().status, 400)
    print("http.client:", "failed" if failures else "all well")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
