base_SRCS := base/error.c base/ip_address.c
base_SRCS += base/log.c base/paths.c base/rpc_proto.c base/state_file.c base/xdr.c
base_SRCS += base/xml.c
