"""A mail server for tests: aiosmtpd, which judges the protocol, and Python's own reader of mail, which judges the mail.

Arguments: how it is kept secret (none, starttls or tls), a certificate, its key, a name and a password. Says its port on
the first line of its output, then a line of JSON for every mail. Each line of JSON on its input is answered, and sets a
fault when it holds one:
{"at": "rcpt", "reply": "450 4.2.0 later", "times": 1}; at may be auth, mail, rcpt, data, body, or one of lost (the mail is
taken, and the connection ends before the answer) and cut (the connection ends at MAIL).
"""

import asyncio
import base64
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, syntax


def say(**what):
    print(json.dumps(what), flush=True)


class Faults:
    def __init__(self):
        self.waiting = []

    def take(self, at):
        for fault in self.waiting:
            if fault["at"] == at:
                fault["times"] -= 1
                if fault["times"] <= 0:
                    self.waiting.remove(fault)
                return fault.get("reply", "")
        return None


faults = Faults()


class Server(SMTP):
    @syntax("DATA")
    async def smtp_DATA(self, arg):
        reply = faults.take("data")
        if reply is not None:
            await self.push(reply)
            return
        await super().smtp_DATA(arg)


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        if faults.take("cut") is not None:
            server.transport.abort()
            return "421 gone"
        reply = faults.take("mail")
        if reply is None:
            envelope.mail_from = address
        return reply or "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = faults.take("rcpt")
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(self, server, session, envelope):
        reply = faults.take("body")
        if reply is not None:
            return reply
        report(server, session, envelope)
        if faults.take("lost") is not None:
            server.transport.abort()
        return "250 taken"


def report(server, session, envelope):
    raw = envelope.original_content
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    parts = {part.get_content_type(): part for part in mail.walk()}
    text = {kind: parts[kind].get_content().replace("\r\n", "\n") for kind in ("text/plain", "text/html")}
    say(
        sender=envelope.mail_from,
        to=envelope.rcpt_tos,
        secret=server.transport.get_extra_info("sslcontext") is not None,
        login=bool(session.authenticated),
        hello=session.host_name,
        headers=[[name, str(value)] for name, value in mail.items()],
        kinds=[part.get_content_type() for part in mail.walk()],
        defects=[str(defect) for part in mail.walk() for defect in part.defects],
        plain=text["text/plain"],
        html=text["text/html"],
        raw=base64.b64encode(raw).decode(),
    )


def authenticator(name, password):
    def check(server, session, envelope, mechanism, data):
        reply = faults.take("auth")
        if reply is not None:
            return AuthResult(success=False, handled=False, message=reply)
        right = (data.login.decode(), data.password.decode()) == (name, password)
        return AuthResult(success=right, handled=right, auth_data=data.login)

    return check


async def main():
    security, certificate, key, name, password = sys.argv[1:6]
    loop = asyncio.get_running_loop()
    context = None
    if security != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    options = {"hostname": "mail.test", "ident": "test", "loop": loop}
    if name:
        options |= {"authenticator": authenticator(name, password), "auth_required": True}
        options |= {"auth_require_tls": security == "starttls"}
    if security == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    server = await loop.create_server(
        lambda: Server(Handler(), **options),
        host="127.0.0.1",
        port=0,
        ssl=context if security == "tls" else None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        order = json.loads(line)
        if "at" in order:
            faults.waiting.append({"times": 1} | order)
        say(heard=True)


asyncio.run(main())
