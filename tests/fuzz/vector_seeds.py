"""Writes vectors from outside as seeds, in the form that each fuzzer reads: VECTORS FOLDER."""

import base64
import json
import pathlib
import sys

vectors, folder = map(pathlib.Path, sys.argv[1:])


def lines(path):
    for line in path.read_text().splitlines():
        if line.strip():
            yield json.loads(line)


def rows(path):
    return [row for row in json.loads(path.read_text()) if isinstance(row, dict)]


def session():
    for name in ("llhttp", "httparse", "pico"):
        for row in lines(vectors / "http1" / f"{name}.jsonl"):
            yield b"\xff" + base64.b64decode(row["raw_b64"])
    for row in rows(vectors / "negotiation" / "negotiator.json"):
        if row["headers"]:
            fields = "".join(f"{name}: {value}\r\n" for name, value in row["headers"].items())
            yield f"\xffGET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode("latin-1")


def multipart():
    for row in lines(vectors / "multipart" / "multipart.jsonl"):
        yield b"\xff" + row["content_type"].encode() + b"\n" + base64.b64decode(row["body_b64"])


def query_string():
    for row in lines(vectors / "multipart" / "urlencoded.jsonl"):
        yield base64.b64decode(row["body_b64"])
    for row in rows(vectors / "url" / "percent-encoding.json"):
        yield row["output"]["utf-8"].encode()


def negotiation():
    which = {"accept": 6, "accept-encoding": 5, "accept-language": 7}
    for row in rows(vectors / "negotiation" / "negotiator.json"):
        for name, value in row["headers"].items():
            if name in which:
                yield bytes([which[name]]) + value.encode()
    for row in rows(vectors / "negotiation" / "range.json"):
        if isinstance(row["args"][1], str):
            yield b"\0" + row["args"][1].encode()


def cron():
    zones = ["UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Pacific/Apia",
             "Australia/Lord_Howe"]
    for row in lines(vectors / "cron" / "consensus.jsonl"):
        moment = (row["from_epoch"] * 1_000_000).to_bytes(8, "little")
        yield moment + bytes([zones.index(row["tz"])]) + row["expr"].encode()
    for row in rows(vectors / "cron" / "invalid.json"):
        yield bytes(9) + row["expr"].encode()


for write in (session, multipart, query_string, negotiation, cron):
    into = folder / write.__name__
    into.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(write()):
        (into / str(number)).write_bytes(seed)
