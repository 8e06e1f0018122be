-- SPDX-License-Identifier: Apache-2.0
-- For the specs of the source `shared`: a program, and a cache folder of its own.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local shared = {}

local built = support.programs .. "shareable"
shared.TEXT = 8 << 20
shared.NOBODY = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-u", "XDG_RUNTIME_DIR" }

--- A fresh folder in memory, and in it a copy of the program and a folder for the cache.
function shared.place()
    local folder = support.folder("/dev/shm")
    local path = folder.path
    local program, cache = path .. "/shareable", path .. "/cache"
    support.shell(("cp %s %s; mkdir -m 700 %s; chmod 755 %s"):format(built, program, cache, path))
    return setmetatable({ path = path, program = program, cache = cache }, { __close = function()
        os.execute(("umount -l %s 2>/dev/null"):format(cache))
        getmetatable(folder).__close()
    end })
end

--- Runs words, or the program alone, under tiexec with the cache folder, by `shared` or other sources.
function shared.run(here, words, sources)
    return support.run(support.words_by(sources or "shared", here.cache, words or { here.program }))
end

--- Starts a program and waits until tiexec has left it.
function shared.start(here, words, sources, redirect)
    local process = support.start(support.words_by(sources or "shared", here.cache, words), redirect)
    local name = words[1]:match("[^/]*$")
    assert(support.wait_for(function() return support.has_become(process.pid, name) end, 60))
    return process
end

--- Starts the program, which then waits.
function shared.start_waiting(here, sources) return shared.start(here, { here.program, "wait" }, sources) end

--- The finished copies and temporaries in the cache folder, sorted.
function shared.files(here)
    local list = core.list_folder(here.cache) or {}
    for i, name in ipairs(list) do list[i] = here.cache .. "/" .. name end
    return list
end

--- The largest executable mapping of a process.
function shared.text_of(pid)
    local best = { start = 0, stop = 0 }
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms == "r-xp" and m.stop - m.start > best.stop - best.start then best = m end
    end
    return best
end

--- Mounts a tmpfs, or another `kind`, with these options in place of the cache folder.
function shared.mount(here, options, kind)
    kind = kind or "tmpfs"
    return support.run { "mount", "-t", kind, "-o", "mode=700," .. options, "tiexec-test", here.cache }.code == 0
end

return shared
