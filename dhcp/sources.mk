dhcp_SRCS := $(addprefix dhcp/,dnsmasq.c dnsmasq_config.c lease.c lease_read.c)
