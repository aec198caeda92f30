"""The client of EventService, generated from the protos, and what every subscriber does: say who it is, and keep its
stream open. Who and where are said by the variables of the command line: EMBUDO_PIPELINE, EMBUDO_TENANT …"""

import importlib
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from google.protobuf import descriptor_pb2

HEARTBEAT_SECONDS = 10
# No message for so long: the connection is dead, whatever TCP says.
SILENCE_SECONDS = 3 * HEARTBEAT_SECONDS
RETRY_SECONDS = 1
PASSES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
SERVICE = "embudo/pipeline/v1/event_service"


def generate(out):
    """Has protoc write the Python of the service and of all that it imports."""
    protoc = ["protoc", "-I/usr/include", f"-I{ROOT}/proto", f"-I{ROOT}/node_modules/google-proto-files"]
    files = descriptor_pb2.FileDescriptorSet.FromString(
        subprocess.check_output(protoc + ["--include_imports", "--descriptor_set_out=/dev/stdout", f"{SERVICE}.proto"])
    )
    names = [file.name for file in files.file if not file.name.startswith("google/protobuf/")]
    plugin = f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}"
    subprocess.check_call(protoc + [f"--python_out={out}"] + names)
    subprocess.check_call(protoc + [plugin, f"--grpc_python_out={out}", f"{SERVICE}.proto"])


def load():
    """The modules of the messages and of the service."""
    with tempfile.TemporaryDirectory() as out:
        generate(out)
        sys.path.append(out)
        module = SERVICE.replace("/", ".")
        return importlib.import_module(module + "_pb2"), importlib.import_module(module + "_pb2_grpc")


messages, services = load()
client = services.EventServiceStub(grpc.insecure_channel(os.environ.get("EMBUDO_PIPELINE", "127.0.0.1:7001")))


def metadata():
    token = os.environ.get("EMBUDO_TOKEN")
    if token:
        return [("authorization", f"Bearer {token}")]
    # What a server started with --dev-identity believes.
    return [
        ("x-embudo-tenant", os.environ.get("EMBUDO_TENANT", "demo")),
        ("x-embudo-actor", os.environ.get("EMBUDO_ACTOR", "users/admin")),
        ("x-embudo-roles", os.environ.get("EMBUDO_ROLES", "admin")),
    ]


def received(stream):
    """The messages of a stream, which is given up when none comes for long."""
    while True:
        silence = threading.Timer(SILENCE_SECONDS, stream.cancel)
        silence.daemon = True
        silence.start()
        try:
            message = next(stream)
        except StopIteration:
            return
        finally:
            silence.cancel()
        yield message


def follow(method, first, take):
    """Opens a stream (`client.Tail` or `client.Consume`) with what `first` makes and hands each message to `take`, with
    a function that answers. When the stream ends for a reason that passes, opens another."""
    while True:
        answers = queue.SimpleQueue()
        answers.put(first())
        try:
            for message in received(method(iter(answers.get, None), metadata=metadata())):
                take(message, answers.put)
        except grpc.RpcError as error:
            if error.code() not in PASSES:
                sys.exit(f"{error.code().name}: {error.details()}")
            time.sleep(RETRY_SECONDS)
        finally:
            answers.put(None)
