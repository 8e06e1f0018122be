-- SPDX-License-Identifier: Apache-2.0
--- System calls that a thread cannot be made to execute and be put back afterwards, and what to do
-- instead.

local ENDS <const> = "it does not return: inferior:prepare_syscall has the thread make it when it "
    .. "goes on"
local SHARES <const> = "the new task would run on this thread's stack: clone without CLONE_VM, or "
    .. "fork, makes one with memory of its own"

local reasons = {
    execve = ENDS, execveat = ENDS, exit = ENDS, exit_group = ENDS,
    vfork = SHARES, clone3 = SHARES,
    rt_sigreturn = "there is no signal frame to return from: inferior:save puts registers back",
    restart_syscall = "the kernel makes an interrupted call anew when the thread goes on",
}
local CLONE_VM <const> = 0x100

local uncallable = {}

--- Says why a system call cannot be made remotely.
-- @string name
-- @tparam ?int flags its first argument
-- @treturn ?string nil: it can
function uncallable.reason(name, flags)
    if name == "clone" and math.type(flags) == "integer" and flags & CLONE_VM ~= 0 then
        return SHARES
    end
    return reasons[name]
end

return uncallable
