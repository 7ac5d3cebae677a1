rules_SRCS := rules/vars.c rules/field.c rules/ir.c
