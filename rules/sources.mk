rules_SRCS := rules/vars.c rules/field.c rules/ir.c rules/value.c rules/print.c rules/plan.c rules/plan_tags.c rules/optimise.c rules/optimise_flow.c rules/optimise_merge.c rules/bpdu.c rules/nft_batch.c rules/nft_constant.c rules/nft_expr.c rules/nft_table.c rules/nft_limit.c rules/nft_helper.c rules/nft_text.c rules/plan_recheck.c
rules_SRCS += rules/ip_set.c rules/ip_set_read.c rules/nft_ip_set.c
rules_SRCS += rules/packet.c rules/packet_text.c rules/packet_line.c rules/packet_write.c rules/packet_format.c rules/eval.c
rules_SRCS += rules/field_set.c rules/symbolic.c rules/symbolic_cube.c rules/symbolic_rule.c rules/symbolic_packet.c rules/order.c rules/diff.c
rules_SRCS += rules/xt_emit.c rules/xt_ebtables.c rules/xt_iptables.c
