-- SPDX-License-Identifier: Apache-2.0
-- What the facts of a host come to: each fact changed, by itself.

local core = require "tiexec.core"
local readiness = require "tiexec.check.readiness"

local c = core.constants
local MIB <const> = 1 << 20
local SWITCH <const> = "/sys/kernel/mm/transparent_hugepage/enabled"

-- A host where everything works, with changes made by `change`.
local function judge(change)
    local found = {
        host = { kernel = "6.18.1", kernel_version = { 6, 18 }, arch = "x", page_size = 4096,
            huge_page_size = 2 * MIB, pmd_size = 2 * MIB, thp = "madvise", shmem_thp = "never", yama = 1,
            capabilities = 0, pool = { total = 8, free = 8, reserved = 0, surplus = 0, overcommit = 0 } },
        thp_switch = SWITCH, nodes = {}, ptrace = { ok = true }, counter = { ok = true },
        copies = { shared = { ok = true }, thp = { ok = true }, hugetlb = { ok = true } },
        copies_folder = { path = "/dev/shm" },
        settings = { strategy = "aggressive", sources = { "file", "shared", "thp", "hugetlb" } },
        programs = { path = "/usr/bin", filesystem = { type = "ext4", large_folios = true } },
    }
    if change then change(found) end
    local judged = readiness.judge(found)
    local lines, sources = {}, {}
    for _, line in ipairs(judged.lines) do lines[line.name] = line end
    for _, source in ipairs(judged.sources) do sources[source.name] = source end
    return judged.ready, lines, sources
end

describe("a host where all works", function()
    it("is ready, by all sources, with nothing to do", function()
        local ready, lines, sources = judge()
        assert.is_true(ready)
        for name, source in pairs(sources) do assert.is_true(source.works, name) end
        for name, line in pairs(lines) do
            assert.is_nil(line.todo, name)
            assert.not_equal(false, line.good, name)
        end
    end)
end)

-- A change of one fact: the line that tells, and the command that changes it back.
local function tells(what, name, change, todo)
    it(what, function()
        local _, lines = judge(change)
        assert.is_false(lines[name].good)
        assert.equal(todo, lines[name].todo)
    end)
end

describe("what is not as it should be comes with the command that changes it:", function()
    tells("THP never", "THP", function(f) f.host.thp = "never" end, "echo madvise > " .. SWITCH)
    tells("THP never, by the size's own switch", "THP", function(f)
        f.host.thp, f.thp_switch = "never", "/sys/own"
    end, "echo madvise > /sys/own")
    tells("THP denied to tmpfs", "THP of tmpfs", function(f) f.host.shmem_thp = "deny" end,
        "echo never > /sys/kernel/mm/transparent_hugepage/shmem_enabled")
    tells("THP of tmpfs never, on a kernel without MADV_COLLAPSE", "THP of tmpfs", function(f)
        f.host.kernel_version = { 6, 0 }
    end, "echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled")
    tells("an empty pool", "hugetlb pool", function(f) f.host.pool.free = 0 end,
        "echo 64 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    tells("a pool that is promised", "hugetlb pool", function(f) f.host.pool.reserved = 8 end,
        "echo 64 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    tells("a pool too small is for the program's text", "hugetlb pool", function(f)
        f.host.pool.free = 0
        f.command = { path = "/x", text = 21 * MIB }
    end, "echo 12 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    tells("other pages have another pool", "hugetlb pool", function(f)
        f.host.pool.free, f.host.huge_page_size = 0, 32 * MIB
    end, "echo 64 > /sys/kernel/mm/hugepages/hugepages-32768kB/nr_hugepages")
    tells("Yama 2", "Yama", function(f) f.host.yama = 2 end, "sysctl kernel.yama.ptrace_scope=1")
    tells("Yama 3", "Yama", function(f) f.host.yama = 3 end, "reboot: it cannot be lowered")
    tells("a hugetlb limit", "hugetlb limit", function(f) f.hugetlb = { bytes = 0, file = "/cg/x" } end,
        "echo max > /cg/x")
    tells("counters forbidden", "hardware counters", function(f) f.counter = { ok = false, errno = c.EACCES } end,
        "sysctl kernel.perf_event_paranoid=2")
    tells("a huge page of 512 MiB", "huge page", function(f)
        f.host.huge_page_size, f.host.pmd_size = 512 * MIB, 512 * MIB
    end, "a kernel with smaller base pages has smaller huge pages")
end)

describe("what is as it may be", function()
    for what, change in pairs {
        ["Yama 2 with CAP_SYS_PTRACE"] = function(f) f.host.yama, f.host.capabilities = 2, 1 << c.CAP_SYS_PTRACE end,
        ["no Yama"] = function(f) f.host.yama = -1 end,
        ["no counters"] = function(f) f.counter = { ok = false, errno = c.ENOENT } end,
        ["a memory limit"] = function(f) f.memory = { bytes = MIB, file = "/cg/x" } end,
        ["a pool that grows on demand"] = function(f) f.host.pool.free, f.host.pool.overcommit = 0, 4 end,
        ["process 1"] = function(f) f.is_first, f.pid_namespace = true, true end,
        ["another pid namespace"] = function(f) f.pid_namespace = true end,
    } do
        it(what .. ": nothing to do", function()
            local ready, lines = judge(change)
            assert.is_true(ready)
            for name, line in pairs(lines) do assert.is_nil(line.todo, name) end
        end)
    end
end)

describe("pages that are smaller than the PMD's", function()
    local function smaller(thp, free)
        local _, lines = judge(function(f)
            f.smaller = { huge_page_size = 2 * MIB, thp = thp, thp_switch = "/sys/2M", copies = {},
                pool = { total = free, free = free, reserved = 0, surplus = 0, overcommit = 0 } }
        end)
        return lines["smaller pages"]
    end

    it("are told of where the CPU has some", function()
        local _, lines = judge()
        assert.is_nil(lines["smaller pages"])
        assert.same({ "2 MiB: THP madvise, 0 of 0 free in the hugetlb pool", true },
            { smaller("madvise", 0).text, smaller("madvise", 0).good })
        assert.is_true(smaller("never", 4).good)
    end)

    it("come with the command that makes them to be had", function()
        assert.equal("echo madvise > /sys/2M", smaller("never", 0).todo)
        assert.equal("echo 64 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", smaller("", 0).todo)
    end)
end)

describe("ready", function()
    it("with smaller pages alone", function()
        local ready, _, sources = judge(function(f)
            for _, trial in pairs(f.copies) do trial.ok, trial.why = false, "no" end
            f.programs.filesystem = { type = "ext4", large_folios = false, why = "it is old" }
            f.smaller = { huge_page_size = 2 * MIB, thp = "madvise", thp_switch = "/sys/2M",
                copies = { thp = { ok = true }, shared = { ok = false }, hugetlb = { ok = false } },
                pool = { total = 0, free = 0, reserved = 0, surplus = 0, overcommit = 0 } }
        end)
        assert.is_true(ready)
        assert.is_true(sources.thp.works)
        assert.is_false(sources.hugetlb.works)
    end)

    local function no_copies(f)
        for _, trial in pairs(f.copies) do trial.ok, trial.why = false, "no" end
    end

    it("with one source", function()
        assert.is_true((judge(no_copies)))
        for _, name in ipairs { "shared", "thp", "hugetlb" } do
            assert.is_true((judge(function(f)
                no_copies(f)
                f.programs.filesystem = { type = "ext4", large_folios = false, why = "it is old" }
                f.copies[name].ok = true
            end)), name)
        end
    end)

    it("not without any", function()
        for _, known in ipairs { "false", "nil" } do
            local ready, _, sources = judge(function(f)
                no_copies(f)
                if known == "false" then f.programs.filesystem.large_folios = false end
                if known == "nil" then f.programs.filesystem.large_folios = nil end
                f.programs.filesystem.why = "it is old"
            end)
            assert.is_false(ready)
            for _, source in pairs(sources) do assert.is_string(source.why) end
        end
    end)

    it("not without one that the settings ask for", function()
        local function only_thp(works)
            return judge(function(f)
                f.settings.sources, f.copies.thp.ok = { "thp" }, works
            end)
        end
        assert.is_true((only_thp(true)))
        local ready, _, sources = only_thp(false)
        assert.is_false(ready)
        assert.is_true(sources.thp.asked)
        assert.is_false(sources.file.asked)
    end)

    it("not with a strategy that is not there", function()
        local ready, lines = judge(function(f) f.settings = { wrong = "no strategy 'x'" } end)
        assert.is_false(ready)
        assert.is_false(lines.settings.good)
        assert.equal("no strategy 'x'", lines.settings.text)
    end)

    it("not without ptrace, nor without huge pages", function()
        assert.is_false((judge(function(f) f.ptrace = { ok = false, why = "no" } end)))
        assert.is_false((judge(function(f) f.host.huge_page_size = 0 end)))
    end)

    it("not for a program that cannot be done", function()
        assert.is_false((judge(function(f) f.command = { wrong = "it is a script" } end)))
        assert.is_false((judge(function(f) f.command = { path = "/x", text = MIB, privilege = "setuid" } end)))
        assert.is_true((judge(function(f)
            f.command = { path = "/x", text = MIB, privilege = "setuid", may_trace = true }
        end)))
    end)
end)

describe("whether it is worth it", function()
    local function worth(command, probe)
        local _, lines = judge(function(f) f.command, f.probe = command, probe end)
        return lines["worth it"] and lines["worth it"].code, lines["worth it"] and lines["worth it"].text
    end

    it("is not, where all text is in reach of a first-level TLB, or none has room for a huge page", function()
        local code, text = worth { path = "/x", text = 40 << 10, may_gain = false }
        assert.equal("worth-reach", code)
        assert.equal("hardly: 40 KiB of text and no large library, where 64 entries of a TLB's first level reach "
            .. "256 KiB", text)
        assert.equal("worth-none", (worth { path = "/x", text = MIB, may_gain = false }))
        assert.equal("worth-others", (worth { path = "/x", text = MIB, may_gain = false, starts_others = true }))
    end)

    it("is not, where huge pages save nothing, and less where one entry does not serve one", function()
        local command = { path = "/x", text = 40 * MIB, may_gain = true }
        assert.equal("worth-little", (worth(command, { verdict = "little", splintered = true })))
        assert.equal("worth-splintered", (worth(command, { verdict = "part", splintered = true })))
    end)

    it("is not spoken of otherwise", function()
        local command = { path = "/x", text = 40 * MIB, may_gain = true }
        assert.is_nil((worth(command)))
        assert.is_nil((worth(command, { verdict = "full", splintered = false })))
        assert.is_nil((worth { wrong = "no such file" }))
        assert.is_nil((worth()))
    end)
end)

describe("the source file", function()
    local function works(command)
        local _, lines, sources = judge(function(f) f.command = command end)
        return sources.file.works, lines["its filesystem"].text
    end

    it("goes by the program's filesystem", function()
        assert.is_true((works { path = "/x", text = MIB, filesystem = { type = "xfs", large_folios = true } }))
        local old = { type = "ext4", large_folios = false, why = "ext4 has large folios since Linux 6.16" }
        local ok, text = works { path = "/x", text = MIB, filesystem = old }
        assert.is_false(ok)
        assert.truthy(text:find("6.16", 1, true))
        assert.is_nil((works { path = "/x", text = MIB, filesystem = { type = "overlay" } }))
    end)

    it("goes by a kernel that joins cached text, too", function()
        local joined = { type = "ext4", large_folios = true, joins_text = true }
        assert.is_true((works { path = "/x", text = MIB, filesystem = joined }))
        local _, lines = judge(function(f) f.programs.filesystem = joined end)
        assert.matches("ext4, whose cached text this kernel joins to huge pages", lines.filesystem.text)
    end)

    it("and, before that, by what the page cache has", function()
        assert.is_true((works { path = "/x", text = MIB, filesystem = { type = "overlay" }, cached = true }))
    end)
end)

describe("the source shared", function()
    it("needs a folder", function()
        local _, _, sources = judge(function(f) f.copies_folder = { wrong = "noexec" } end)
        assert.is_false(sources.shared.works)
        assert.equal("noexec", sources.shared.why)
    end)
end)
