# SPDX-License-Identifier: GPL-2.0-or-later
"""Events and error codes of networks as libvirt-python sees them: net-errors.py URI LAB-XML TWO-XML PORT-XML."""
import sys
import libvirt

uri, lab_file, two_file, port_file = sys.argv[1:]
lab_xml, two_xml, port_xml = (open(name).read() for name in (lab_file, two_file, port_file))
MISSING = "6f9c6b5a-9999-4000-8000-000000000001"
events = []


def told(conn, network, event, detail, opaque):
    events.append((network.name(), event, detail))


def call(label, function, *args):
    """Print the error's code, domain and level, or what came back."""
    try:
        result = function(*args)
        if isinstance(result, (libvirt.virNetwork, libvirt.virNetworkPort)):
            result = type(result).__name__
        elif isinstance(result, list):
            result = len(result)
        elif isinstance(result, str):
            result = "text"
        print("%s: %s" % (label, result))
        return result
    except libvirt.libvirtError as error:
        print("%s: error %d domain %d level %d" % (label, error.get_error_code(), error.get_error_domain(),
                                                   error.get_error_level()))
        return None


libvirt.registerErrorHandler(lambda context, error: None, None)
libvirt.virEventRegisterDefaultImpl()
conn = libvirt.open(uri)
ident = conn.networkEventRegisterAny(None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, told, None)

call("lookup by name", conn.networkLookupByName, "nosuch")
call("lookup by UUID", conn.networkLookupByUUIDString, MISSING)
call("define no XML", conn.networkDefineXML, "<network")
call("define another root", conn.networkDefineXML, "<domain/>")
call("define without a name", conn.networkDefineXML, "<network/>")
call("define a mode that is none", conn.networkDefineXML, "<network><name>x</name><forward mode='zz'/></network>")
call("define nat without an address", conn.networkDefineXML, "<network><name>x</name><forward mode='nat'/></network>")
lab = conn.networkDefineXML(lab_xml)
call("define its UUID under another name", conn.networkDefineXML, lab_xml.replace(">lab<", ">x<").replace("virbr7", "virbr9"))
call("define its name with another UUID", conn.networkDefineXML, lab_xml.replace("0001<", "0007<"))
call("stop what does not run", lab.destroy)
call("a port of what does not run", lab.portCreateXML, port_xml)
call("its leases", lab.DHCPLeases)
call("change what does not run", lab.update, 3, 4, -1, "<host mac='52:54:00:00:00:73' ip='10.77.0.63'/>", 1)
call("start", lab.create)
call("start what runs", lab.create)
call("is active", lab.isActive)
call("is persistent", lab.isPersistent)
call("bridge", lab.bridgeName)
call("autostart", lab.setAutostart, 1)
call("autostart is", lab.autostart)
call("autostart off", lab.setAutostart, 0)
call("networks that run", conn.listNetworks)
call("networks that do not", conn.listDefinedNetworks)
call("how many run", conn.numOfNetworks)
call("how many do not", conn.numOfDefinedNetworks)
call("all", conn.listAllNetworks)
call("active ones", conn.listAllNetworks, 2)
call("transient ones", conn.listAllNetworks, 8)
call("leases", lab.DHCPLeases)
call("leases of no MAC", lab.DHCPLeases, "zz")
call("add a host", lab.update, 3, 4, -1, "<host mac='52:54:00:00:00:73' ip='10.77.0.63'/>", 3)
call("add it again", lab.update, 3, 4, -1, "<host mac='52:54:00:00:00:73' ip='10.77.0.63'/>", 3)
call("remove one that is not there", lab.update, 2, 4, -1, "<host mac='52:54:00:00:00:74'/>", 1)
call("a host of no IP", lab.update, 3, 4, 7, "<host mac='52:54:00:00:00:74' ip='10.77.0.64'/>", 1)
call("modify a range", lab.update, 1, 5, -1, "<range start='10.77.0.100' end='10.77.0.111'/>", 1)
call("change the bridge", lab.update, 3, 1, -1, "<bridge name='x'/>", 1)
call("no XML to change by", lab.update, 3, 4, -1, "<host", 1)
call("another element to change by", lab.update, 3, 4, -1, "<hst/>", 1)
call("create a port of no XML", lab.portCreateXML, "<networkport")
call("create a port without a MAC", lab.portCreateXML, port_xml.replace("<mac address='52:54:00:00:00:71'/>", ""))
port = lab.portCreateXML(port_xml)
call("create it again", lab.portCreateXML, port_xml)
call("look it up", lab.portLookupByUUIDString, port.UUIDString())
call("look up one that is not there", lab.portLookupByUUIDString, MISSING)
call("reclaim one without a plug", lab.portCreateXML, port_xml.replace("2222", "2229"), 1)
call("ports", lab.listAllPorts)
call("its XML", port.XMLDesc)
call("delete it", port.delete)
call("delete it again", port.delete)
two = conn.networkCreateXML(two_xml)
call("create it again", conn.networkCreateXML, two_xml)
call("undefine a transient one", two.undefine)
call("autostart a transient one", two.setAutostart, 1)
call("its definition", two.XMLDesc, libvirt.VIR_NETWORK_XML_INACTIVE)
call("stop it", two.destroy)
call("its XML when it is gone", two.XMLDesc)
call("stop", lab.destroy)
call("undefine", lab.undefine)
call("undefine again", lab.undefine)
for _ in range(200):
    if events and events[-1][:2] == ("lab", libvirt.VIR_NETWORK_EVENT_UNDEFINED):
        break
    timer = libvirt.virEventAddTimeout(50, lambda t, o: None, None)
    libvirt.virEventRunDefaultImpl()
    libvirt.virEventRemoveTimeout(timer)
for event in events:
    print("event %s %d %d" % event)
conn.networkEventDeregisterAny(ident)
ro = libvirt.openReadOnly(uri.replace("-sock", "-sock-ro"))
call("read-only: networks", ro.listAllNetworks)
call("read-only: define", ro.networkDefineXML, lab_xml)
call("read-only: create", ro.networkCreateXML, lab_xml)
