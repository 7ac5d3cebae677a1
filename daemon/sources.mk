daemon_SRCS := $(addprefix daemon/,binding_store.c config.c daemon.c daemon_network.c dispatch.c dispatch_binding.c \
	dispatch_connect.c dispatch_network.c dispatch_nwfilter.c dispatch_port.c filter_store.c networks.c networks_default.c networks_device.c \
	networks_firewall.c networks_host.c networks_metadata.c networks_port.c networks_rates.c networks_update.c networks_run.c networks_state.c server.c session.c)
