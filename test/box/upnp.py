# SPDX-License-Identifier: GPL-2.0-or-later
"""A router that maps ports, by UPnP and by NAT-PMP, as it should or as a test has it lie.

    r = Router(lan, "192.168.1.1", upnp={"outside": "0.0.0.0"})
    ...
    r.table             # {port: {"client": ..., "port": ..., "lease": ..., "name": ...}}
    r.calls             # names of actions, in order
    r.close()
"""
import re
import socket
import struct
import threading

GROUP = "239.255.255.250"
SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
DESCRIPTION = """<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>%s<device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList><service>
<serviceType>%s</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><controlURL>%s</controlURL>
<eventSubURL>/e</eventSubURL><SCPDURL>/s</SCPDURL></service></serviceList></device></deviceList></device></deviceList>
</device></root>
"""


def envelope(body):
    return '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%s' \
        "</s:Body></s:Envelope>" % body


class Error(Exception):
    """Of UPnP."""


class Router:
    """upnp, natpmp: None = it does not speak that; a dict has what is different from a good router's.

    upnp     location, base, control, service   texts in its answers
             search, document    bytes (or an iterator of them) in the place of the whole answer
             outside             its address there
             actions             {name: a function of the arguments, which gives values, raises Error(code, text),
                                 or returns bytes, or an iterator of them: the whole answer}
    natpmp   a function of (request, answer), which returns datagrams in the place of the answer
    lease    it maps for so many seconds at most
    """

    def __init__(self, place, address, upnp=None, natpmp=None, outside="8.8.4.4", lease=7 * 86400):
        self.address, self.upnp, self.natpmp, self.outside, self.lease = address, upnp, natpmp, outside, lease
        self.table, self.calls, self.socks = {}, [], []
        self.closing = False
        with place.inside():
            if upnp is not None:
                self.ssdp = self._socket(socket.SOCK_DGRAM, ("", 1900))
                self.ssdp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                                     socket.inet_aton(GROUP) + socket.inet_aton(address))
                self.voice = self._socket(socket.SOCK_DGRAM, (address, 1900))
                self.web = self._socket(socket.SOCK_STREAM, (address, 0))
                self.web.listen(16)
                for run, *args in ((self._serve,), (self._search, self.ssdp), (self._search, self.voice)):
                    threading.Thread(target=run, args=args, daemon=True).start()
            if natpmp is not None:
                self.pmp = self._socket(socket.SOCK_DGRAM, (address, 5351))
                threading.Thread(target=self._natpmp, daemon=True).start()

    def _socket(self, kind, at):
        s = socket.socket(socket.AF_INET, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(at)
        self.socks.append(s)
        return s

    def close(self):
        self.closing = True
        for s in self.socks:
            try:
                s.shutdown(socket.SHUT_RDWR)    # ends who waits on it
            except OSError:
                pass
            s.close()

    # --- UPnP ---------------------------------------------------------------------------------------

    def location(self):
        return self.upnp.get("location", "http://%s:%d/d/rootDesc.xml" % self.web.getsockname())

    def _search(self, sock):
        while not self.closing:
            try:
                data, peer = sock.recvfrom(2048)
            except OSError:
                return
            if not data.startswith(b"M-SEARCH") or b"InternetGatewayDevice:1" not in data:
                continue
            answer = self.upnp.get("search") or (
                "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: x\r\nLocation: %s\r\n\r\n" % self.location()).encode()
            for a in answer if isinstance(answer, list) else [answer]:
                try:
                    self.voice.sendto(a, peer)
                except OSError:
                    return

    def _serve(self):
        while not self.closing:
            try:
                c, _ = self.web.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(c,), daemon=True).start()

    def _one(self, c):
        with c:
            try:
                c.settimeout(30)
                f = c.makefile("rb")
                line = f.readline().decode()
                size = 0
                while True:
                    h = f.readline().strip().lower()
                    if not h:
                        break
                    if h.startswith(b"content-length:"):
                        size = int(h.split(b":")[1])
                answer = self._answer(line.split()[1], f.read(size).decode())
                if isinstance(answer, bytes):
                    answer = [answer]
                for part in answer:
                    if self.closing:
                        return
                    c.sendall(part)
            except OSError:
                pass

    @staticmethod
    def http(status, body, head=""):
        body = body.encode()
        return ("HTTP/1.1 %s\r\nContent-Length: %d\r\nContent-Type: text/xml\r\n%s\r\n" % (status, len(body), head)).encode() + body

    def _answer(self, path, body):
        if not body:
            self.calls.append(path)
            if "document" in self.upnp:
                return self.upnp["document"]
            base = "<URLBase>%s</URLBase>" % self.upnp["base"] if "base" in self.upnp else ""
            return self.http("200 OK", DESCRIPTION % (base, self.upnp.get("service", SERVICE), self.upnp.get("control", "../c/ip")))
        name = re.search(r"<u:(\w+)", body).group(1)
        args = dict(re.findall(r"<(New\w+)>([^<]*)<", body))
        self.calls.append(name)
        try:
            lie = self.upnp.get("actions", {}).get(name)
            values = lie(args) if lie else getattr(self, name)(args)
        except Error as e:
            return self.http("500 Internal Server Error", envelope(
                "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
                '<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%s</errorCode><errorDescription>%s'
                "</errorDescription></UPnPError></detail></s:Fault>" % e.args))
        if not isinstance(values, dict):
            return values
        return self.http("200 OK", envelope('<u:%sResponse xmlns:u="%s">%s</u:%sResponse>' % (
            name, SERVICE, "".join("<%s>%s</%s>" % (k, v, k) for k, v in values.items()), name)))

    def GetExternalIPAddress(self, args):
        return {"NewExternalIPAddress": self.outside}

    def AddPortMapping(self, args):
        have = self.table.get(int(args["NewExternalPort"]))
        if have and have["client"] != args["NewInternalClient"]:
            raise Error(718, "ConflictInMappingEntry")
        self.table[int(args["NewExternalPort"])] = {
            "client": args["NewInternalClient"], "port": int(args["NewInternalPort"]), 
            "lease": min(int(args["NewLeaseDuration"]), self.lease), "name": args["NewPortMappingDescription"]}
        return {}

    def DeletePortMapping(self, args):
        if self.table.pop(int(args["NewExternalPort"]), None) is None:
            raise Error(714, "NoSuchEntryInArray")
        return {}

    def GetSpecificPortMappingEntry(self, args):
        e = self.table.get(int(args["NewExternalPort"]))
        if e is None:
            raise Error(714, "NoSuchEntryInArray")
        return {"NewInternalPort": e["port"], "NewInternalClient": e["client"], "NewEnabled": 1,
                "NewPortMappingDescription": e["name"], "NewLeaseDuration": e["lease"]}

    # --- NAT-PMP ------------------------------------------------------------------------------------

    def _natpmp(self):
        while not self.closing:
            try:
                data, peer = self.pmp.recvfrom(64)
            except OSError:
                return
            if self.closing:
                return
            if data == b"\0\0":
                good = struct.pack(">BBHI4s", 0, 128, 0, 1000, socket.inet_aton(self.outside))
            else:
                inside, outside, lease = struct.unpack(">HHI", data[4:12])
                if lease:
                    self.table[outside] = {"client": peer[0], "port": inside, "lease": lease, "name": "NAT-PMP"}
                else:
                    self.table = {p: e for p, e in self.table.items() if e["port"] != inside}
                self.calls.append("map" if lease else "unmap")
                good = struct.pack(">BBHIHHI", 0, 130, 0, 1000, inside, outside if lease else 0, lease)
            for answer in self.natpmp(data, good) if callable(self.natpmp) else [good]:
                try:
                    self.pmp.sendto(answer, peer)
                except OSError:
                    return
