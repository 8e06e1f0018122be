-- SPDX-License-Identifier: Apache-2.0
-- perf names the functions of a program on huge pages as it does those of the program by itself.

local debugged = require "tests.lib.debugged"
local support = require "tests.lib.support"

local busy = support.programs .. "busy"
local TURNS <const> = "1000000"
local ENOUGH <const> = 150 -- samples, to judge by

-- Addresses of the program's functions, as its file has them.
local function addresses()
    local list = {}
    for address, name in support.shell("nm " .. busy).out:gmatch("(%x+) t (work_%x+)") do
        list[name] = tonumber(address, 16)
    end
    return list
end

-- What perf says of a recording. `samples`: how many are of user code, without the dynamic linker's, which has few
-- symbols. `named`: how many of these have a name. `functions`: how many different functions of the program's file
-- they name. `biases`: the differences between their addresses and the file's.
local function read(data, known)
    local result = { samples = 0, named = 0, functions = 0, biases = {} }
    local seen, biases = {}, {}
    for line in support.shell("perf script -f --comm busy -F ip,sym,symoff,dso -i " .. data).out:gmatch("[^\n]+") do
        local ip, name, offset = line:match("^%s*(%x+) ([^+]+)%+0x(%x+)")
        result.samples = result.samples + (line:find("/ld-linux", 1, true) and not ip and 0 or 1)
        if ip then result.named = result.named + 1 end
        if known[name] then
            local bias = tonumber(ip, 16) - tonumber(offset, 16) - known[name]
            if not biases[bias] then result.biases[#result.biases + 1] = bias end
            if not seen[name] then result.functions = result.functions + 1 end
            biases[bias], seen[name] = true, true
        end
    end
    return result
end

local function record(data, words)
    local all = { "perf", "record", "-q", "-e", "cpu-clock:u", "-F", "2000", "-o", data }
    return support.run(table.move(words, 1, #words, #all + 1, all))
end

-- Repeats a recording until it has enough samples: on a busy host one may be short.
local function enough(known, make)
    local folder <close> = support.folder()
    local result
    for _ = 1, 10 do
        make(folder.path .. "/data")
        result = read(folder.path .. "/data", known)
        if result.samples >= ENOUGH then break end
    end
    assert.is_true(result.samples >= ENOUGH, "perf has too few samples")
    return result
end

local function assert_right(result)
    assert.is_true(result.named >= 0.99 * result.samples, ("%d of %d named"):format(result.named, result.samples))
    assert.is_true(result.functions >= ENOUGH / 3)
    assert.equal(1, #result.biases)
end

describe("perf", function()
    local known, why_not

    setup(function()
        debugged.prepare()
        known = addresses()
        local folder <close> = support.folder()
        local result = record(folder.path .. "/data", { "true" })
        why_not = result.code ~= 0 and "perf cannot record here: " .. result.err:match("[^\n]*") or nil
    end)
    teardown(debugged.restore)

    local function lacks(source) return why_not or debugged.lacks(source) end

    local function before(source, options)
        return enough(known, function(data)
            local words = debugged.words(source, { busy, TURNS }, options)
            assert.equal(0, record(data, { "--", table.unpack(words) }).code)
        end)
    end

    local function after(process)
        return enough(known, function(data) record(data, { "-p", tostring(process.pid), "--", "sleep", "0.5" }) end)
    end

    it("names the functions of the program by itself", function()
        if why_not then return pending(why_not) end
        assert_right(before())
    end)

    for _, source in ipairs(debugged.sources) do
        local options = { "--strict", "--perf-map" }

        it(source .. ": begun before, names all functions", function()
            if lacks(source) then return pending(lacks(source)) end
            assert_right(before(source, options))
        end)

        it(source .. ": attached later, names all functions", function()
            if lacks(source) then return pending(lacks(source)) end
            local process <close>, why = debugged.start(source, { busy }, options)
            if not process then return pending(why) end
            local result = after(process)
            assert_right(result)
            local map <const> = ("/tmp/perf-%d.map"):format(process.pid)
            local is_copy = source == "thp" or source == "hugetlb"
            assert.equal(is_copy, support.read_file(map) ~= nil)
            os.remove(map)
        end)
    end

    it("thp without --perf-map: attached later, has no names", function()
        if why_not then return pending(why_not) end
        local process <close> = assert(debugged.start("thp", { busy }))
        local result = after(process)
        assert.is_true(result.named < 0.5 * result.samples)
        assert.is_nil(support.read_file(("/tmp/perf-%d.map"):format(process.pid)))
    end)

    it("is served by TIEXEC=perf-map and by a profile as well", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/p.lua", 'return { ["perf-map"] = true }')
        for _, words in ipairs { { "env", "TIEXEC=perf-map", support.tiexec, "--sources", "thp", busy },
            { support.tiexec, "--sources", "thp", "--profile", folder.path .. "/p.lua", busy } } do
            local process <close> = support.start(words)
            local map <const> = ("/tmp/perf-%d.map"):format(process.pid)
            assert(support.wait_for(function() return support.read_file(map) end))
            assert.matches("%x+ %x+ work_00000\n", support.read_file(map))
            os.remove(map)
        end
    end)
end)
