vswitch_SRCS := $(addprefix vswitch/,links.c links_ip.c port_guard.c rtnl.c)
