vswitch_SRCS := vswitch/port_guard.c
