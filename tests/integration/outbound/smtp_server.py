"""A mail server for tests: keeps each mail that it takes as a JSON file, and behaves as the receivers' names say.

    later<N>.x@   451 to the first N attempts at this receiver
    refused.x@    550
    hang.x@       no answer
    held.x@       the mail is kept, but the answer waits until the file `go` is there
"""
import argparse
import asyncio
import json
import os
import re
import ssl

from aiosmtpd.controller import Controller, UnixSocketController  # noqa: F401
from aiosmtpd.smtp import AuthResult, SMTP


class Handler:
    def __init__(self, folder):
        self.folder = folder
        self.tries = {}
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.split("@")[0]
        self.tries[address] = self.tries.get(address, 0) + 1
        later = re.match(r"later(\d+)\.", local)
        if later and self.tries[address] <= int(later.group(1)):
            return "451 4.7.1 Greylisted, try again"
        if local.startswith("refused."):
            return "550 5.1.1 No such user here"
        if local.startswith("hang."):
            await asyncio.sleep(3600)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        name = os.path.join(self.folder, "%06d-%d.json" % (self.count, os.getpid()))
        with open(name + ".part", "w", encoding="utf-8") as out:
            tls = server.transport.get_extra_info("ssl_object") is not None
            json.dump({"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": tls,
                       "user": getattr(session, "user", None),
                       "data": envelope.content.decode("utf-8", "surrogateescape")}, out)
        os.rename(name + ".part", name)
        if any(to.startswith("held.") for to in envelope.rcpt_tos):
            while not os.path.exists(os.path.join(self.folder, "go")):
                await asyncio.sleep(0.02)
        return "250 Taken"


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("--port", type=int, required=True)
    flags.add_argument("--folder", required=True)
    flags.add_argument("--certificate")
    flags.add_argument("--key")
    flags.add_argument("--implicit", action="store_true")
    flags.add_argument("--user")
    flags.add_argument("--password")
    args = flags.parse_args()

    def authenticate(server, session, envelope, mechanism, data):
        good = data.login.decode() == args.user and data.password.decode() == args.password
        session.user = args.user if good else None
        return AuthResult(success=good, handled=good)

    context = None
    if args.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.certificate, args.key)
    options = {}
    if context and not args.implicit:
        options = {"tls_context": context, "require_starttls": True}
    if args.user:
        options.update(authenticator=authenticate, auth_required=True, auth_require_tls=context is not None)
    handler = Handler(args.folder)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    make = lambda: SMTP(handler, hostname="mx.test", loop=loop, **options)  # noqa: E731
    server = loop.run_until_complete(
        loop.create_server(make, "127.0.0.1", args.port, ssl=context if args.implicit else None))
    print("listening", flush=True)
    loop.run_forever()
    server.close()


main()
