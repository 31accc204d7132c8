"""Receives the messages of sd_notify at a path or an abstract address (@...), and prints each as a line of JSON. At READY=1 it also
tries the ports that it was given: [address, port, ...]."""
import array, json, os, socket, sys

address, ports = sys.argv[1], [int(port) for port in sys.argv[2:]]
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind("\0" + address[1:] if address.startswith("@") else address)
print(json.dumps({"listening": address}), flush=True)


def accepts(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


while True:
    message, ancillary, _, _ = receiver.recvmsg(4096, 1024)
    states = message.decode().split("\n")
    ready = {"accepts": [accepts(port) for port in ports]} if "READY=1" in states else {}
    # systemd-notify waits until the descriptors of its barrier are closed.
    for _, kind, data in ancillary:
        if kind == socket.SCM_RIGHTS:
            for descriptor in array.array("i", data):
                os.close(descriptor)
    if states != ["BARRIER=1"]:
        print(json.dumps({"states": states, **ready}), flush=True)
