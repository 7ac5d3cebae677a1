# bash completion for sluice; written by 'sluice completion bash'
# shellcheck shell=bash

# The names in a list: $1 is the command, $2 the columns where they stand.
_sluice_names()
{
	local -a listing
	read -ra listing <<<"$1"
	sluice --readonly "${globals[@]}" "${listing[@]}" 2>/dev/null |
		awk -v field="$2" 'NR > 2 && NF { print $field }'
}

_sluice()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command='' word i
	local -a globals=() words=()
	local -a commands=(
		nwfilter-list
		nwfilter-define
		nwfilter-confirm
		nwfilter-discard
		nwfilter-shadow
		nwfilter-guarded
		nwfilter-undefine
		nwfilter-dumpxml
		nwfilter-edit
		nwfilter-plan
		nwfilter-binding-list
		nwfilter-binding-create
		nwfilter-binding-delete
		nwfilter-binding-export
		nwfilter-binding-import
		nwfilter-lease-list
		nwfilter-lease-flush
		why
		nwfilter-stats
		nwfilter-binding-dumpxml
		nwfilter-validate
		nwfilter-compile
		nwfilter-explain
		nwfilter-lint
		net-list
		net-info
		net-dumpxml
		net-define
		net-create
		net-edit
		net-start
		net-destroy
		net-undefine
		net-autostart
		net-update
		net-dhcp-leases
		net-desc
		net-metadata
		net-port-list
		net-port-create
		net-port-dumpxml
		net-port-delete
		net-event
		net-uuid
		net-name
		net-validate
		doctor
		check
		repair
		version
		help
		completion
	)

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root | --connect) globals+=("${COMP_WORDS[i]}" "${COMP_WORDS[i+1]}"); ((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	case $command in
	'') [[ $prev == --root ]] || words=(--root --connect --readonly --json "${commands[@]}") ;;
	nwfilter-list)
		case $prev,$cur in
		*,-*) words=() ;;
		*)  ;;
		esac ;;
	nwfilter-define)
		case $prev,$cur in
		--file,*)  ;;
		--confirm,*)  ;;
		*,-*) words=(--file --validate --confirm --shadow) ;;
		*)  ;;
		esac ;;
	nwfilter-confirm)
		case $prev,$cur in
		--nwfilter,*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		*,-*) words=(--nwfilter) ;;
		*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		esac ;;
	nwfilter-discard)
		case $prev,$cur in
		--nwfilter,*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		*,-*) words=(--nwfilter) ;;
		*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		esac ;;
	nwfilter-shadow)
		case $prev,$cur in
		--nwfilter,*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		*,-*) words=(--nwfilter) ;;
		*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		esac ;;
	nwfilter-guarded)
		case $prev,$cur in
		*,-*) words=() ;;
		*)  ;;
		esac ;;
	nwfilter-undefine)
		case $prev,$cur in
		--nwfilter,*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		*,-*) words=(--nwfilter) ;;
		*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		esac ;;
	nwfilter-dumpxml)
		case $prev,$cur in
		--nwfilter,*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		*,-*) words=(--nwfilter) ;;
		*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		esac ;;
	nwfilter-edit)
		case $prev,$cur in
		--nwfilter,*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		*,-*) words=(--nwfilter) ;;
		*) mapfile -t words < <(_sluice_names nwfilter-list 2) ;;
		esac ;;
	nwfilter-plan)
		case $prev,$cur in
		--file,*)  ;;
		--pcap,*)  ;;
		*,-*) words=(--file --pcap --in --out) ;;
		*)  ;;
		esac ;;
	nwfilter-binding-list)
		case $prev,$cur in
		*,-*) words=() ;;
		*)  ;;
		esac ;;
	nwfilter-binding-create)
		case $prev,$cur in
		--file,*)  ;;
		*,-*) words=(--file --validate) ;;
		*)  ;;
		esac ;;
	nwfilter-binding-delete)
		case $prev,$cur in
		--binding,*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		*,-*) words=(--binding) ;;
		*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		esac ;;
	nwfilter-binding-export)
		case $prev,$cur in
		--binding,*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		--file,*)  ;;
		*,-*) words=(--binding --file) ;;
		*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		esac ;;
	nwfilter-binding-import)
		case $prev,$cur in
		--file,*)  ;;
		--port,*)  ;;
		*,-*) words=(--file --port --replace) ;;
		*)  ;;
		esac ;;
	nwfilter-lease-list)
		case $prev,$cur in
		--port,*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		*,-*) words=(--port) ;;
		*)  ;;
		esac ;;
	nwfilter-lease-flush)
		case $prev,$cur in
		--port,*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		*,-*) words=(--port --all) ;;
		*)  ;;
		esac ;;
	why)
		case $prev,$cur in
		--port,*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		--seconds,*)  ;;
		*,-*) words=(--port --follow --seconds) ;;
		*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		esac ;;
	nwfilter-stats)
		case $prev,$cur in
		--port,*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		*,-*) words=(--port --prometheus) ;;
		*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		esac ;;
	nwfilter-binding-dumpxml)
		case $prev,$cur in
		--binding,*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		*,-*) words=(--binding) ;;
		*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		esac ;;
	nwfilter-validate)
		case $prev,$cur in
		--file,*)  ;;
		*,-*) words=(--file --lenient) ;;
		*)  ;;
		esac ;;
	nwfilter-compile)
		case $prev,$cur in
		--filter,*)  ;;
		--backend,*) words=(nft iptables ir) ;;
		--ifname,*)  ;;
		--mac,*)  ;;
		--param,*)  ;;
		--filters,*) mapfile -t words < <(compgen -d -- "$cur") ;;
		*,-*) words=(--filter --backend --no-optimize --ifname --mac --param --filters --lenient) ;;
		*)  ;;
		esac ;;
	nwfilter-explain)
		case $prev,$cur in
		--filter,*)  ;;
		--packet,*)  ;;
		--pcap,*)  ;;
		--port,*) mapfile -t words < <(_sluice_names nwfilter-binding-list 1) ;;
		--ifname,*)  ;;
		--mac,*)  ;;
		--param,*)  ;;
		--filters,*) mapfile -t words < <(compgen -d -- "$cur") ;;
		--check,*)  ;;
		*,-*) words=(--filter --packet --in --out --pcap --port --ifname --mac --param --filters --lenient --check --verbose) ;;
		*)  ;;
		esac ;;
	nwfilter-lint)
		case $prev,$cur in
		--filter,*)  ;;
		--mac,*)  ;;
		--param,*)  ;;
		--filters,*) mapfile -t words < <(compgen -d -- "$cur") ;;
		*,-*) words=(--filter --prove --mac --param --filters) ;;
		*)  ;;
		esac ;;
	net-list)
		case $prev,$cur in
		*,-*) words=(--inactive --all --persistent --transient --autostart --no-autostart --uuid --name --table) ;;
		*)  ;;
		esac ;;
	net-info)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		*,-*) words=(--network) ;;
		*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		esac ;;
	net-dumpxml)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		*,-*) words=(--network --inactive) ;;
		*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		esac ;;
	net-define)
		case $prev,$cur in
		--file,*)  ;;
		*,-*) words=(--file --validate --apply --plan) ;;
		*)  ;;
		esac ;;
	net-create)
		case $prev,$cur in
		--file,*)  ;;
		*,-*) words=(--file --validate) ;;
		*)  ;;
		esac ;;
	net-edit)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		*,-*) words=(--network) ;;
		*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		esac ;;
	net-start)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		*,-*) words=(--network) ;;
		*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		esac ;;
	net-destroy)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		*,-*) words=(--network --force) ;;
		*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		esac ;;
	net-undefine)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		*,-*) words=(--network) ;;
		*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		esac ;;
	net-autostart)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		*,-*) words=(--network --disable) ;;
		*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		esac ;;
	net-update)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		--command,*)  ;;
		--section,*)  ;;
		--xml,*)  ;;
		--parent-index,*)  ;;
		*,-*) words=(--network --command --section --xml --parent-index --config --live --current) ;;
		*)  ;;
		esac ;;
	net-dhcp-leases)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		--mac,*)  ;;
		*,-*) words=(--network --mac) ;;
		*)  ;;
		esac ;;
	net-desc)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		--new-desc,*)  ;;
		*,-*) words=(--network --new-desc --title --edit --config --live --current) ;;
		*)  ;;
		esac ;;
	net-metadata)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		--uri,*)  ;;
		--key,*)  ;;
		--set,*)  ;;
		*,-*) words=(--network --uri --key --set --edit --remove --config --live --current) ;;
		*)  ;;
		esac ;;
	net-port-list)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		*,-*) words=(--network --uuid --table) ;;
		*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		esac ;;
	net-port-create)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		--file,*)  ;;
		--tap,*)  ;;
		--mac,*)  ;;
		--owner,*)  ;;
		--group,*)  ;;
		*,-*) words=(--network --file --validate --tap --mac --queues --owner --group) ;;
		*)  ;;
		esac ;;
	net-port-dumpxml)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		--port,*)  ;;
		*,-*) words=(--network --port) ;;
		*)  ;;
		esac ;;
	net-port-delete)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		--port,*)  ;;
		*,-*) words=(--network --port) ;;
		*)  ;;
		esac ;;
	net-event)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		--event,*)  ;;
		--timeout,*)  ;;
		*,-*) words=(--network --event --loop --timeout --list --timestamp) ;;
		*)  ;;
		esac ;;
	net-uuid)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		*,-*) words=(--network) ;;
		*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		esac ;;
	net-name)
		case $prev,$cur in
		--network,*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		*,-*) words=(--network) ;;
		*) mapfile -t words < <(_sluice_names 'net-list --all' 1) ;;
		esac ;;
	net-validate)
		case $prev,$cur in
		--file,*)  ;;
		*,-*) words=(--file --lenient --print) ;;
		*)  ;;
		esac ;;
	doctor)
		case $prev,$cur in
		--only,*) mapfile -t words < <(_sluice_names 'doctor --list' 1) ;;
		*,-*) words=(--only --list --host-only) ;;
		*) mapfile -t words < <(_sluice_names 'doctor --list' 1) ;;
		esac ;;
	check)
		case $prev,$cur in
		*,-*) words=() ;;
		*)  ;;
		esac ;;
	repair)
		case $prev,$cur in
		*,-*) words=() ;;
		*)  ;;
		esac ;;
	version)
		case $prev,$cur in
		*,-*) words=(--verbose) ;;
		*)  ;;
		esac ;;
	help)
		case $prev,$cur in
		--command,*) words=("${commands[@]}") ;;
		*,-*) words=(--command) ;;
		*) words=("${commands[@]}") ;;
		esac ;;
	completion)
		case $prev,$cur in
		--shell,*) words=(bash) ;;
		*,-*) words=(--shell) ;;
		*) words=(bash) ;;
		esac ;;
	esac
	COMPREPLY=()
	for word in "${words[@]}"; do
		[[ $word != "$cur"* ]] || COMPREPLY+=("$(printf '%q' "$word")")
	done
}

complete -o default -F _sluice sluice
