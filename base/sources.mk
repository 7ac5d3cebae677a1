base_SRCS := base/error.c base/ip_address.c base/device_name.c
base_SRCS += base/log.c base/paths.c base/rpc_proto.c base/state_file.c base/xdr.c
base_SRCS += base/xml.c base/xml_reader.c base/xml_map.c base/xml_map_read.c base/words.c
base_SRCS += base/tool.c
