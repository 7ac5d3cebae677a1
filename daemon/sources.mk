daemon_SRCS := daemon/binding_store.c daemon/config.c daemon/daemon.c daemon/dispatch.c daemon/dispatch_binding.c \
	daemon/dispatch_connect.c daemon/dispatch_nwfilter.c daemon/filter_store.c daemon/server.c daemon/session.c
