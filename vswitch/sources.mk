vswitch_SRCS := $(addprefix vswitch/,links.c links_ip.c network.c network_check.c network_check_ip.c network_generate.c network_names.c network_settle.c network_tables.c network_update.c port_guard.c port_xml.c rtnl.c)
vswitch_SRCS += $(addprefix vswitch/,net_checksum.c net_firewall.c net_firewall_rule.c net_firewall_table.c net_firewall_text.c net_firewall_message.c net_firewall_nft.c net_firewall_xt.c)
vswitch_SRCS += $(addprefix vswitch/,collision.c net_bridge.c port_plan.c qos.c tc.c)
vswitch_SRCS += $(addprefix vswitch/,host_bus.c links_device.c ovs.c port_device.c sriov.c)
