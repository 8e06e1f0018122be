-- SPDX-License-Identifier: Apache-2.0
-- seccomp filters judge the tracer's calls and remote calls as well. Whatever they forbid, CMD survives and is right.

local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local test = failure.tests(it, 3)
local ample, ample_static = support.programs .. "ample", support.programs .. "ample_static"

local function denying(words)
    local prefix = { support.programs .. "deny" }
    for word in words:gmatch("%S+") do prefix[#prefix + 1] = word end
    return prefix
end

local function pool() return support.pool(8), "no hugetlb pool: not root, or no memory" end

-- A host whose kernel lets a process forbid itself what PR_SET_MDWE forbids.
local function mdwe()
    local words = denying "mdwe"
    words[#words + 1] = "true"
    if support.run(words).code == 0 then return failure.as_it_is() end
    return nil, "this kernel has no PR_SET_MDWE (Linux 6.3)"
end

describe("seccomp", function()
    -- Filters for remote calls, which are made in the target.
    for _, command in ipairs { ample, ample_static } do
        local name = command:match("[^/]*$")
        for _, call in ipairs { "mremap", "madvise", "mprotect 2 0x4" } do
            for _, action in ipairs { "kill", "trap" } do
                for _, sources in ipairs { "thp", "file,thp" } do
                    test(("%s by %s: %s: %s"):format(name, sources, call, action), {
                        command = { command, "x" }, prefix = denying(call .. " " .. action), line = "seccomp filter",
                        options = { "--sources", sources },
                        not_sanitized = call == "madvise" and "the sanitizer itself calls madvise" or nil,
                    })
                end
            end
        end
        test(name .. ": mremap: EPERM", {
            command = { command, "x" }, prefix = denying "mremap EPERM", options = { "--sources", "thp" },
            line = "thp: .*mremap: Operation not permitted",
        })
        test(name .. ": madvise: ENOSYS", {
            command = { command, "x" }, prefix = denying "madvise ENOSYS", options = { "--sources", "thp" },
            line = "thp: madvise: Function not implemented",
        })
        test(name .. ": mprotect to executable: EPERM, as systemd's MemoryDenyWriteExecute", {
            command = { command, "x" }, prefix = denying "mprotect 2 0x4 EPERM", options = { "--sources", "thp" },
            line = "thp: mprotect: Operation not permitted",
        })
        test(name .. ": PR_SET_MDWE", {
            command = { command, "x" }, prefix = denying "mdwe", options = { "--sources", "thp" }, host = mdwe,
            line = "thp: mprotect: Permission denied",
        })
        for _, action in ipairs { "kill", "trap", "EPERM" } do
            test(("%s: mmap with MAP_HUGETLB: %s"):format(name, action), {
                command = { command, "x" }, prefix = denying("mmap 3 0x40000 " .. action), host = pool,
                options = { "--sources", "hugetlb" },
                line = action == "EPERM" and "hugetlb: mmap: Operation not permitted" or "seccomp filter",
            })
        end
    end

    -- Filters for the tracer's own calls.
    for _, call in ipairs { "ptrace", "process_vm_readv", "process_vm_writev", "setsid", "close_range", "pwrite64",
        "getdents64" } do
        for _, action in ipairs { "kill", "trap" } do
            test(("%s: %s"):format(call, action), {
                command = { ample, "x" }, prefix = denying(call .. " " .. action), line = "seccomp filter",
            })
        end
    end
    test("ptrace: EPERM", { command = { ample }, prefix = denying "ptrace EPERM",
        line = { "ptrace: Operation not permitted", "container or security module" } })
    test("ptrace: EPERM, a static program", { command = { ample_static }, prefix = denying "ptrace EPERM",
        line = { "ptrace: Operation not permitted", "container or security module" } })
    test("socketpair: EPERM", { command = { ample }, prefix = denying "socketpair EPERM",
        line = "Operation not permitted" })
    test("process_vm_writev: EPERM", { command = { ample }, prefix = denying "process_vm_writev EPERM",
        options = { "--sources", "thp" },
        line = "Operation not permitted" })

    local function goes_on(name, words)
        it(name .. ": the text is huge all the same, not a word", function()
            local plain, result = failure.both({ command = { ample, "x" }, prefix = denying(words) })
            failure.same_end(plain, result)
            assert.equal("", result.err)
            local process <close> = support.start(table.move({ support.tiexec, ample, "wait" }, 1, 3,
                #denying(words) + 1, denying(words)))
            assert.truthy(support.wait_for(function() return support.huge_text(process.pid) > 0 end))
        end)
    end

    -- PR_SET_MM has bit 1, the other calls of prctl here have not
    for _, action in ipairs { "kill", "trap" } do
        test("prctl PR_SET_MM: " .. action, {
            command = { ample, "x" }, prefix = denying("prctl 0 0x2 " .. action), line = "seccomp filter",
        })
    end

    -- With the default sources there may be another way, and then nothing is said.
    for _, words in ipairs(support.some({ "mremap EPERM", "madvise EPERM", "madvise ENOSYS", "mprotect 2 0x4 EPERM",
        "mdwe", "prctl 0 0x2 EPERM" }, 2)) do
        for _, command in ipairs { ample, ample_static } do
            local name = command:match("[^/]*$")
            it(("%s: %s: with the default sources CMD is right"):format(name, words), function()
                local _, why = (words == "mdwe" and mdwe or failure.as_it_is)()
                if why then return pending(why) end
                local plain, result = failure.both { command = { command, "x" }, prefix = denying(words) }
                failure.same_end(plain, result)
                if result.err ~= "" then failure.one_line(result) end
            end)
        end
    end

    -- the filter comes between tiexec's start and the program's
    for _, words in ipairs { "prctl 0 0x2 kill", "mremap kill", "madvise trap" } do
        it(words .. ", of a program that is become by exec: it is right, one line tells why", function()
            local command = denying(words)
            for _, word in ipairs { ample, "x" } do command[#command + 1] = word end
            local plain, result = failure.both { command = command, options = { "--follow=exec" } }
            failure.same_end(plain, result)
            local line = failure.one_line(result)
            assert.truthy(line:find("seccomp filter", 1, true), line) -- root may read what it allows
        end)
    end

    goes_on("process_vm_readv: EPERM", "process_vm_readv EPERM")
    goes_on("setsid: EPERM", "setsid EPERM")
    goes_on("close_range: ENOSYS", "close_range ENOSYS")
    goes_on("pipe2: kill", "pipe2 kill")
    goes_on("mmap with MAP_HUGETLB: kill, while the pool is not asked", "mmap 3 0x40000 kill")
end)
