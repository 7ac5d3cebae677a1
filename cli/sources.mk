cli_SRCS := cli/client.c cli/cmd_binding.c cli/cmd_nwfilter.c cli/cmd_offline.c cli/command.c cli/editor.c cli/help.c \
	cli/output.c cli/remote.c cli/shell.c
cli_SRCS += cli/filter_library.c
cli_SRCS += cli/cmd_explain.c cli/explain.c cli/cmd_lint.c cli/rule_json.c cli/cmd_plan.c cli/plan.c cli/capture.c cli/remote_filters.c
cli_SRCS += cli/cmd_network_offline.c
cli_SRCS += cli/cmd_network.c cli/cmd_network_live.c cli/cmd_network_metadata.c cli/cmd_network_port.c
