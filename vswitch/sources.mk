vswitch_SRCS := $(addprefix vswitch/,links.c links_ip.c network.c network_check.c network_check_ip.c network_names.c network_settle.c network_tables.c port_guard.c port_xml.c rtnl.c)
