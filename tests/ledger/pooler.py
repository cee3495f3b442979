"""PgBouncer in transaction mode, in front of a server of ours: each transaction may go to another session."""

import os
import shutil
import socket
import subprocess
import tempfile

from scene import free_port, until

SETTINGS = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 6
max_client_conn = 200
"""


class Pooler:
    """Starts with the block and ends with it."""

    def __init__(self, server):
        self.port = free_port()
        self.url = server.url.replace(str(server.port), str(self.port))
        self.folder = tempfile.mkdtemp(prefix="sereno-ledger-pgbouncer.")
        os.chmod(self.folder, 0o755)
        self.write("users.txt", '"sereno" ""\n')
        self.write("settings.ini", SETTINGS.format(server=server.port, port=self.port, folder=self.folder))
        self.process = None

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)
        os.chmod(file.name, 0o644)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self):
        command = ["pgbouncer", "-q", os.path.join(self.folder, "settings.ini")]
        # It refuses to run as root.
        command += ["-u", "nobody"] if os.getuid() == 0 else []
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("the pooler listens", self.listens, 30)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)
