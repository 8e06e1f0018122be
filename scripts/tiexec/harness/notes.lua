-- SPDX-License-Identifier: Apache-2.0
--- The notes of core files (core(5), <sys/procfs.h>): what a core file tells of a process beside
-- its memory.

local core = require "tiexec.core"

local notes = {}

-- <elf.h>
local NT_PRSTATUS <const>, NT_PRPSINFO <const>, NT_AUXV <const> = 1, 3, 6
local NT_FPREGSET <const> = 2
local NT_SIGINFO <const>, NT_FILE <const> = 0x53494749, 0x46494c45

local function padded(bytes) return bytes .. ("\0"):rep(-#bytes % 4) end

local function note(name, kind, bytes)
    return string.pack("<I4I4I4", #name + 1, #bytes, kind) .. padded(name .. "\0") .. padded(bytes)
end

-- Gives a number of a status file in /proc, or 0.
local function number(text, field, base)
    local digits = (text or ""):match("\n" .. field .. ":%s*(%x+)")
    return math.tointeger(tonumber(digits or "0", base or 10)) or 0
end

-- Gives the numbers of /proc/PID/stat after the name, by their places in proc_pid_stat(5).
local function read_stat(path)
    local text = core.read_file(path) or ""
    local name, rest = text:match("%((.*)%) (.*)")
    local fields, place = { name = name or "" }, 3
    for word in (rest or ""):gmatch("%S+") do
        fields[place] = place == 3 and word or math.tointeger(tonumber(word)) or 0
        place = place + 1
    end
    return fields
end

local function field(stat, place) return stat[place] or 0 end

-- ---- of a thread --------------------------------------------------------------------------------

-- Packs struct elf_prstatus: where a thread is, and its general registers.
local function pack_status(inferior, thread, registers, signal)
    local path = ("/proc/%d/task/%d/"):format(inferior:pid(), thread)
    local status, stat = core.read_file(path .. "status"), read_stat(path .. "stat")
    return string.pack("<i4i4i4i2xxjjI4I4I4I4", signal, 0, 0, signal,
        number(status, "SigPnd", 16), number(status, "SigBlk", 16), thread,
        field(stat, 4), field(stat, 5), field(stat, 6)) .. ("\0"):rep(64) -- times
        .. registers .. string.pack("<i4xxxx", 1)
end

-- Makes the notes of one thread. `own` are notes of the process, which come with the first one.
local function of_thread(inferior, thread, own)
    local registers, message, errno = inferior:register_set(NT_PRSTATUS, thread)
    if not registers then return nil, message, errno end
    local info = inferior:siginfo(thread)
    local signal = info and info.signal or 0
    local status = pack_status(inferior, thread, registers, signal)
    local list = { note("CORE", NT_PRSTATUS, status), own }
    if info then list[#list + 1] = note("CORE", NT_SIGINFO, info.bytes) end
    for _, kind in ipairs(core.core_notes()) do
        local bytes = inferior:register_set(kind, thread)
        local name = kind == NT_FPREGSET and "CORE" or "LINUX"
        if bytes then list[#list + 1] = note(name, kind, bytes) end
    end
    return table.concat(list)
end

-- ---- of the process -----------------------------------------------------------------------------

-- Packs struct elf_prpsinfo.
local function pack_info(pid)
    local stat = read_stat(("/proc/%d/stat"):format(pid))
    local status = core.read_file(("/proc/%d/status"):format(pid))
    local words = (core.read_file(("/proc/%d/cmdline"):format(pid)) or ""):gsub("%z", " ")
    local letter = tostring(stat[3] or "R")
    local state = (("RSDTtZXxKWPI"):find(letter, 1, true) or 1) - 1
    return string.pack("<BBBbxxxxjI4I4I4I4I4I4c16c80", state, letter:byte(),
        letter == "Z" and 1 or 0, field(stat, 19), field(stat, 9), number(status, "Uid"),
        number(status, "Gid"), pid, field(stat, 4), field(stat, 5), field(stat, 6),
        stat.name:sub(1, 15), words:sub(1, 79))
end

-- Packs the list of the files that are mapped, as the kernel does (fill_files_note).
local function pack_files(mappings)
    local page = core.page_size()
    local places, names = {}, {}
    for _, m in ipairs(mappings) do
        if m.inode ~= 0 then
            places[#places + 1] = string.pack("<jjj", m.start, m.stop, m.offset // page)
            names[#names + 1] = m.path .. "\0"
        end
    end
    return string.pack("<jj", #places, page) .. table.concat(places) .. table.concat(names)
end

--- Makes the notes of all threads of an inferior. The selected thread comes first: debuggers begin
-- with it.
-- @tparam Inferior inferior all threads are stopped
-- @tparam table mappings list of Mapping
-- @treturn[1] string
-- @treturn[2] nil, message, errno (EBUSY: a thread is running; ESRCH: one is gone)
function notes.of(inferior, mappings)
    local pid = inferior:pid()
    local own = note("CORE", NT_PRPSINFO, pack_info(pid))
        .. note("CORE", NT_AUXV, core.read_file(("/proc/%d/auxv"):format(core.living(pid))) or "")
        .. note("CORE", NT_FILE, pack_files(mappings))
    local list = {}
    for i, thread in ipairs(inferior:threads()) do
        local bytes, message, errno = of_thread(inferior, thread, i == 1 and own or "")
        if not bytes then
            return nil, ("thread %d: %s"):format(thread, message), errno
        end
        list[i] = bytes
    end
    return table.concat(list)
end

return notes
