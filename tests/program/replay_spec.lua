-- SPDX-License-Identifier: Apache-2.0
-- A start that was over at its exec stop is repeated by the steps that are kept of it, without Lua. Whether that was
-- done shows in smaps where a step is another one than it was.

local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local kept = require "tests.lib.kept"
local support = require "tests.lib.support"

local PLAIN <const> = { "env", "-i", "PATH=/usr/bin:/bin", "HOME=/none" }

-- Why this host repeats no starts, or nil.
local function lacks()
    if support.run({ "readelf", "-lW", support.tiexec }).out:find("INTERP", 1, true) then
        return "tiexec is linked dynamically here"
    end
    if core.has_protections() then return "the dynamic linker protects text on this CPU" end
    if hosts.has_smaller(hosts.describe()) then return "libraries may gain by the smaller pages of this host" end
    if not core.pagemap(core.getpid(), 0, 4096) then return "before Linux 6.7 the page tables tell nothing" end
    local process <close> = support.start_tiexec { "--sources", "file", support.programs .. "moved", "wait" }
    local kind = select(2, support.huge_text(process.pid))
    return kind ~= "FilePmdMapped" and "this filesystem has no large folios" or nil
end

-- Starts a program plainly, waits until it is let go, and calls a function with its process id.
local function started(program, look, words, arguments)
    local folder <close> = support.folder()
    local output = folder.path .. "/out"
    words = support.concat(words or PLAIN, { support.tiexec, program }, arguments or { "quick", "wait" })
    local process <close> = support.start(words, (">%s 2>&1"):format(output))
    assert(support.wait_for(function() return (support.read_file(output) or ""):find("right", 1, true) end),
        support.read_file(output))
    assert(support.wait_for(function() return support.has_become(process.pid, program:match("[^/]*$")) end))
    return look(process.pid, support.read_file(output))
end

-- Starts a program until its steps are kept, and gives them: of a file that has just been made nothing is.
local function keep(program)
    local path = kept.path_of(program)
    os.remove(path)
    return assert(support.wait_for(function()
        started(program, function() end)
        return support.wait_for(function() return kept.read(path) end, 1) -- it is written once the program runs
    end), "nothing is kept")
end

-- How the text of a program is advised to be, and how many of its bytes are huge.
local function text_of(pid, program)
    local huge, flags = 0, ""
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms:find("x", 1, true) and m.path:find(program, 1, true) then
            huge, flags = huge + m.FilePmdMapped, flags .. m.VmFlags
        end
    end
    return huge, flags
end

local function is_replayed(program, ...)
    return started(program, function(pid, said)
        local huge, flags = text_of(pid, program)
        assert.is_true(huge >= 4 << 20, ("%s: %d huge, of all kinds %d"):format(said, huge, support.huge_text(pid)))
        return flags:find("nh", 1, true) ~= nil
    end, ...)
end

-- The same of a start that should be. One in 512 random bases need not be moved: then Lua sees to the start.
local function is_replayed_soon(...) return is_replayed(...) or is_replayed(...) end

-- All that may differ between two ways to the same end, relative to where the program lies.
local function picture(pid, program)
    local lines, base = {}, nil
    for _, m in ipairs(support.smaps(pid)) do
        base = base or m.path:find(program, 1, true) and m.start
        if m.path:find(program, 1, true) then
            lines[#lines + 1] = ("%x %x %s %d %s"):format(m.start - base, m.stop - base, m.perms, m.FilePmdMapped,
                m.VmFlags)
        end
    end
    local vector = support.read_file(("/proc/%d/auxv"):format(pid))
    for at = 1, #vector - 15, 16 do
        local kind, value = string.unpack("jj", vector, at)
        if kind == 3 or kind == 9 then lines[#lines + 1] = ("%d %x"):format(kind, value - base) end
    end
    for _, name in ipairs { "SigBlk", "SigIgn", "SigCgt", "Cpus_allowed", "TracerPid", "VmLck", "Threads" } do
        lines[#lines + 1] = support.read_file(("/proc/%d/status"):format(pid)):match(name .. ":[^\n]*")
    end
    local stat = support.read_file(("/proc/%d/stat"):format(pid)):match("%) (.*)")
    local fields = {}
    for field in stat:gmatch("%S+") do fields[#fields + 1] = field end
    for _, i in ipairs { 24, 25, 43, 44 } do lines[#lines + 1] = ("%x"):format(math.tointeger(fields[i]) - base) end
    lines[#lines + 1] = ("%d files"):format(#core.list_folder(("/proc/%d/fd"):format(pid)))
    lines[#lines + 1] = #support.smaps(pid) .. " mappings"
    return lines
end

for _, name in ipairs { "moved", "moved-fixed", "moved-aligned", "moved-hole", "moved-separate-lld" } do
    describe("a start that is repeated, of " .. name .. ",", function()
        local program, why, mode = core.readlink("/proc/self/cwd") .. "/" .. support.programs .. name, nil, nil
        program = program:gsub("^.*//", "/")
        setup(function()
            mode = support.thp("madvise")
            why = lacks()
        end)
        teardown(function()
            os.remove(kept.path_of(program))
            if mode then getmetatable(mode).__close() end
        end)

        local plain_it = it
        local function it(words, test)
            plain_it(words, function()
                if why then return pending(why) end
                return test()
            end)
        end

        it("takes the steps that were kept of it", function()
            local steps = keep(program)
            assert.is_false(is_replayed(program))
            steps:marked():write()
            assert.is_true(is_replayed_soon(program))
        end)

        it("comes to the same end as the first one", function()
            local path = kept.path_of(program)
            keep(program)
            os.remove(path)
            local first = started(program, function(pid) return picture(pid, program) end)
            assert.is_truthy(kept.read(path))
            local second = started(program, function(pid) return picture(pid, program) end)
            assert.same(first, second)
        end)

        it("comes to it also where a step fails, whichever it is", function()
            local steps = keep(program)
            local wanted = started(program, function(pid) return picture(pid, program) end)
            local failed = 0
            for i = 1, steps.count do
                local has_result = steps:kind(i) == kept.CALL and not steps:is_aside(i)
                local changed = has_result and steps:with_step(i, 0, steps:value(i, 0) + 1)
                    or steps:with_kind(i, 99)
                changed:marked():write()
                assert.same(wanted, started(program, function(pid) return picture(pid, program) end), "step " .. i)
                failed = failed + 1
            end
            assert.is_true(failed >= 4)
        end)

        it("computes what it does plainly", function()
            keep(program):marked():write()
            local result = support.run(support.concat(PLAIN, { support.tiexec, program }))
            assert.equal(0, result.code, result.out)
            assert.matches("^right", result.out)
        end)

        it("is watched: what the program becomes has huge text, too", function()
            local ample = support.programs .. "ample"
            keep(program):marked():write()
            local process <close> = support.start(support.concat(PLAIN, { support.tiexec, program, "become", ample }))
            assert(support.wait_for(function()
                return support.has_become(process.pid, "ample") and support.huge_text(process.pid) >= 4 << 20
            end))
        end)

        it("is none where the program lies otherwise, or is another one", function()
            local steps = keep(program):marked()
            local sizes = kept.sizes
            for what, changed in pairs {
                mapping = steps:with_mapping(1, 1, 4096 * 9),
                offset = steps:with_mapping(2, 2, 0),
                mappings = steps:with_integer(sizes.mapping_count, 1),
                ["too many mappings"] = steps:with_integer(sizes.mapping_count, 17),
                ["no mappings"] = steps:with_integer(sizes.mapping_count, 0),
                ["too many steps"] = steps:with_integer(sizes.step_count, 33),
                ["a place that there is not"] = steps:with_base(1, 0, 200),
                ["half a huge page"] = steps:with_integer(sizes.text_stop, steps:integer(sizes.text_stop) + 4096),
                ["no steps"] = steps:with_integer(sizes.step_count, 0),
                executable = steps:with_integer(sizes.executable + 24, 1),
                changed = steps:with_integer(sizes.executable + 32, 1),
                tiexec = steps:with_integer(sizes.tiexec + 8, 1),
                magic = steps:with(0, "tiexec steps 0"),
            } do
                changed:write()
                assert.is_false(is_replayed(program), what)
            end
            support.write_file(steps.path, steps.bytes:sub(1, -2))
            assert.is_false(is_replayed(program), "short")
        end)

        it("is none by a file that others could have written", function()
            local steps = keep(program):marked()
            steps:write()
            os.execute("chmod 666 " .. steps.path)
            assert.is_false(is_replayed(program))
            local folder <close> = support.folder()
            steps:write()
            os.execute(("mv %s %s/steps; ln -s %s/steps %s"):format(steps.path, folder.path, folder.path, steps.path))
            assert.is_false(is_replayed(program))
        end)

        it("is none with settings, or in another environment", function()
            local folder <close> = support.folder()
            local marked = keep(program):marked()
            local profiles = folder.path .. "/tiexec/profiles.d"
            os.execute("mkdir -p " .. profiles)
            support.write_file(profiles .. "/other.lua", 'return { match = "nothing" }')
            for _, setting in ipairs { "TIEXEC=align=yes", "TIEXEC_CACHE=" .. folder.path, "LD_LIBRARY_PATH=/none",
                "XDG_CONFIG_HOME=" .. folder.path } do
                marked:write()
                assert.is_false(is_replayed(program, support.concat(PLAIN, { setting })), setting)
            end
            marked:write()
            assert.is_true(is_replayed_soon(program))
        end)

        it("is none of a file that is not cached: that is read onto huge pages first", function()
            keep(program):marked():write()
            support.run { "dd", "of=" .. program, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none" }
            assert.is_false(is_replayed(program))
        end)
    end)
end

describe("steps of a start", function()
    it("are not kept of a file that was changed just now, nor with settings", function()
        local why = lacks()
        if why then return pending(why) end
        local folder <close> = support.folder("build")
        local program = folder.path .. "/moved"
        os.execute(("cp %smoved %s"):format(support.programs, program))
        local path = kept.path_of(program)
        for _, setting in ipairs { "TIEXEC=align=yes", "TIEXEC_CACHE=" .. folder.path, "LD_LIBRARY_PATH=/none" } do
            started(program, function() end, support.concat(PLAIN, { setting }))
            assert.is_nil(kept.read(path))
        end
        keep(program)
        local cache <close> = support.folder("/dev/shm")
        local cleared = support.run { "env", "TIEXEC_CACHE=" .. cache.path, support.tiexec, "--cache", "clear" }
        assert.equal(0, cleared.code, cleared.err)
        assert.is_nil(kept.read(path))
        keep(program)
        os.execute("touch " .. program)
        os.remove(path)
        started(program, function() end)
        assert.is_nil(kept.read(path), "its times may not tell the next change")
    end)
end)
