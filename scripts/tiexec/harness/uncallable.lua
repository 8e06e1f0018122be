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
local TOLD <const> = ": with inferior:follow_fork(true) it is told of, stopped, and can be adopted"
local RUNS_TOO <const> = "its child would run on as a second copy of the program" .. TOLD
local RUNS_ON <const> = "its child would run on in the midst of this call, and die of that" .. TOLD
local forks <const> = { fork = true, _Fork = true, vfork = true, clone = true }

local uncallable = {}

--- Says why a system call cannot be made remotely.
-- @tparam Inferior inferior
-- @string name
-- @tparam ?int flags its first argument
-- @treturn ?string nil: it can
function uncallable.reason(inferior, name, flags)
    if name == "clone" and math.type(flags) == "integer" and flags & CLONE_VM ~= 0 then
        return SHARES
    end
    if reasons[name] then return reasons[name] end
    if forks[name] and not inferior:follows_fork() then return RUNS_TOO end
end

--- Says why a function of the C library cannot be called: its child would return to a frame that
-- the caller has given up.
-- @tparam Inferior inferior
-- @param target its name, or anything else
-- @treturn ?string nil: it can, for all that its name tells
function uncallable.function_reason(inferior, target)
    if target == "vfork" or target == "clone" then return SHARES end
    if forks[target] and not inferior:follows_fork() then return RUNS_ON end
end

return uncallable
