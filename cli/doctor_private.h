// SPDX-License-Identifier: GPL-2.0-or-later
/* Between the files of the doctor: the checks of its table. */
#pragma once

#include "cli/doctor.h"

/* doctor_host.c */
void doctor_check_daemon(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_damaged_file(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_lowering(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_dnsmasq(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_conntrack(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_clock_early(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_clock_jumped(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_clock_free(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_accept_ra_uplink(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_accept_ra_bridge(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_rp_filter(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_route_localnet(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_bridge_nf_on(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_bridge_nf_off(const DoctorFacts *facts, DoctorReport *report);

/* doctor_network.c */
void doctor_check_forwarding(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_ipv6_off(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_overlap(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_bridge(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_forward_dev(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_service_port(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_mtu_port(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_mtu_uplink(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_binding_off_bridge(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_binding_no_link(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_tap_unfiltered(const DoctorFacts *facts, DoctorReport *report);

/* doctor_firewall.c */
void doctor_check_firewall_host(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_firewall_forward(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_firewall_bridged(const DoctorFacts *facts, DoctorReport *report);

/* doctor_libvirt.c */
void doctor_check_libvirt_chains(const DoctorFacts *facts, DoctorReport *report);
void doctor_check_libvirt_port(const DoctorFacts *facts, DoctorReport *report);
