-- SPDX-License-Identifier: Apache-2.0
--- What is said of a program that had nothing to gain by itself: what it is, and what is done about
-- what it becomes, starts and loads.

local core = require "tiexec.core"
local text = require "tiexec.base.text"

local telling = {}

local HEAD <const> = 256 -- bytes of a script that the kernel looks at

-- The name of the program that runs a script, or nil if a file is none. For `env NAME` it is NAME.
local function interpreter(path)
    local head = core.read_file(path, HEAD) or ""
    local words = {}
    for word in (head:match("^#!([^\n]*)") or ""):gmatch("%S+") do words[#words + 1] = word end
    local first = words[1] and text.basename(words[1])
    if first ~= "env" then return first end
    for i = 2, #words do
        if not words[i]:find("^%-") and not words[i]:find("=", 1, true) then
            return text.basename(words[i])
        end
    end
    return first
end

-- Whether a file is a dynamic linker, which has been asked to start a program.
local function is_linker(path)
    local name = text.basename(core.readlink(path) or path)
    return name:find("^ld[-.%w]*%.so") ~= nil or name:find("^ld%-musl") ~= nil
end

--- Says what a program is that runs others in its place. nil: it need not be one of those.
-- @string path of the program, as execve was given it
-- @string exe the path of what the process runs
-- @treturn ?string what it is
-- @treturn ?string the name of what runs a script
function telling.kind(path, exe)
    local runs = interpreter(path)
    if runs then return "a script", runs end
    if is_linker(exe) then return "a dynamic linker" end
end

--- Makes the line about a program that had nothing to gain.
-- @string path of the program, as execve was given it
-- @string exe the path of what the process runs
-- @tparam ?string other the setting that would help; nil: what comes of it is watched
-- @bool always whether there is a line even for a program that runs no other in its place
-- @treturn ?string nil: there is nothing to say
function telling.line(path, exe, other, always)
    local kind, runs = telling.kind(path, exe)
    if not kind and not always then return nil end
    local of = runs and (" (%s)"):format(runs) or ""
    kind = kind or "it has nothing to gain itself"
    if not other then
        return ("%s; watching what it becomes%s, starts and loads"):format(kind, of)
    end
    return ("%s; what it becomes%s, starts and loads stays on small pages (%s)"):format(
        kind, of, other)
end

--- Says what is done about a program that had nothing to gain, if it runs others in its place, and
-- always with `--verbose`. Whoever has said what is to be followed need not be told without that.
-- @tparam Run run
function telling.tell(run)
    local follow, verbose = run:follow_settings(), run:choose_settings().verbose or false
    if run.has_complained or run.unwatched and run:choose_settings().follow then return end
    if not follow.auto and not verbose then return end
    local exe = core.readlink(("/proc/%d/exe"):format(run.inferior:pid()))
    local other = follow.none and "--follow=auto watches it"
        or run.unwatched and "--follow=fork traces it" or nil
    local line = exe and telling.line(core.find(run.name) or exe, exe, other, verbose)
    if line then run:say(line) end
end

return telling
