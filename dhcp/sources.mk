dhcp_SRCS := $(addprefix dhcp/,dnsmasq.c dnsmasq_config.c dnsmasq_process.c lease.c lease_read.c)
