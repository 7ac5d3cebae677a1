base_SRCS := base/error.c
