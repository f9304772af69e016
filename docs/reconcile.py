#!/usr/bin/env python3
"""A partner's own book of one day, made of what the partner holds, to be compared with the gateway's.

    reconcile.py SYSTEM DAY --sent answers.ndjson --received items.ndjson > book.ndjson

answers.ndjson: each line {"receipt": "<that of the gateway's 202 answer>", "file": "<path of the bytes that were sent>"}
items.ndjson:   each line one CloudEvent as it was taken from the feed or pushed (only `id` and `time` are looked at)

DAY is that of acceptance in Indian Standard Time, such as 2026-11-23. Needs Python 3.8 and nothing else.
"""
import argparse
import base64
import hashlib
import json
import sys
from datetime import datetime, timedelta, timezone

INDIA = timezone(timedelta(hours=5, minutes=30))


def day(moment):
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone(INDIA).date().isoformat()


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def receipt(compact):
    claims = compact.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("system")
    parser.add_argument("day")
    parser.add_argument("--sent")
    parser.add_argument("--received")
    asked = parser.parse_args()
    book = {}
    for held in lines(asked.sent) if asked.sent else []:
        claims = receipt(held["receipt"])
        if day(claims["accepted_at"]) == asked.day:
            with open(held["file"], "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
            book["sent", claims["jti"]] = {"side": "sent", "id": claims["jti"], "sha256": digest}
    for item in lines(asked.received) if asked.received else []:
        if day(item["time"]) == asked.day:
            book["received", item["id"]] = {"side": "received", "id": item["id"]}
    print(json.dumps({"book": 1, "system": asked.system, "day": asked.day}))
    for name in sorted(book):
        print(json.dumps(book[name]))


if __name__ == "__main__":
    sys.exit(main())
