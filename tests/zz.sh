T=build/aarch64/tiexec; M=build/aarch64/tests/moved
for w in "" "setarch -R" "setarch -R $T -s none" "setarch -R $T" "setarch -RL $T" "setarch -R $T --no-align"; do echo "== $w"; $w $M brk far; echo "status $?"; done
setarch -R $M wait & sleep 1; cat /proc/$!/maps | head -20; kill $!
setarch -R $T --debug syscalls -s none $M far brk 2>&1 | tail -40
dmesg | tail -12
