-- SPDX-License-Identifier: Apache-2.0
--- Gathers all that `--check` judges by: the facts of the host, what was tried on it, the settings
-- that a start would have, and the program that was asked about.

local cache = require "tiexec.sources.cache"
local choice = require "tiexec.plan.choice"
local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local facts = require "tiexec.check.facts"
local filesystem = require "tiexec.harness.filesystem"
local hosts = require "tiexec.harness.hosts"
local images = require "tiexec.harness.images"
local kernel = require "tiexec.harness.kernel"
local later = require "tiexec.check.later"
local refusal = require "tiexec.harness.refusal"
local trials = require "tiexec.check.trials"

local c = core.constants
local gathering = {}

-- They stand for programs where none was asked about.
local PROGRAMS <const>, A_PROGRAM <const> = "/usr/bin", "/usr/bin/env"

-- Says why nothing can be done for the file of a program, or nil. `why` says why it has no image.
local function wrong_with(path, image, why)
    local is_script = core.read_file(path, 2) == "#!"
    if is_script then return path .. " is a script: ask for its interpreter" end
    if not image then return why end
    if image.native then return nil end
    return path .. (image.class == c.ELFCLASS32 and " is a 32-bit program"
        or " is for another processor")
end

-- Gives what there is to know of a program, as ProgramFacts.
local function program_facts(name, host)
    local path, why = core.find(name)
    if not path then return { wrong = why } end
    local real = core.realpath(path) or path
    local program = { path = path, real = real, filesystem = filesystem.of("", real, host),
        privilege = core.privilege_of(path),
        may_trace = refusal.has_capability(c.CAP_SYS_PTRACE) }
    local image
    image, why = core.image(path)
    program.wrong = wrong_with(path, image, why)
    if not program.wrong then
        program.text, program.cached = images.text_size(image), trials.file(path, image, host)
        program.later = later.of(real, math.max(host.huge_page_size, 1))
        program.may_gain, program.starts_others = core.may_gain(real, nil,
            host.huge_page_size > 0 and host.huge_page_size or nil)
    end
    return program
end

-- Gives the folder where the source `shared` would put its copies, as CopiesFolder.
local function copies_folder(host)
    local folders <close>, why = cache.folders(false)
    for _, folder in ipairs(folders) do
        if folder.own then return { path = folder.path } end
    end
    if why then return { wrong = why } end
    local path = os.getenv("TIEXEC_CACHE") or "/dev/shm"
    local its = filesystem.of("", path, host) or {}
    if its.noexec then
        return { wrong = codes.words("noexec", its.point, its.point) }
    end
    if its.type ~= "tmpfs" and its.type ~= "hugetlbfs" then
        return { wrong = codes.words("not-tmpfs", path) }
    end
    return { path = path }
end

-- Gives the settings that a start of the program would have, as CheckedSettings.
local function settings_of(program, options)
    local path = program and program.real
    local chosen = choice.of_file(path and { path = path, file = path }, options)
    if chosen.wrong then return { wrong = chosen.wrong } end
    return { strategy = chosen.definition.name, sources = chosen.names,
        profile = path and chosen.profile or nil, page_size = chosen["page-size"] }
end

-- Gives what there is to know of the pages that a second plan would be for, as SmallerPages.
local function smaller_pages(host)
    local smaller = hosts.smaller(host)
    if not smaller then return nil end
    return { huge_page_size = smaller.huge_page_size, thp = smaller.thp, pool = smaller.pool,
        thp_switch = kernel.thp_switch(smaller.huge_page_size), copies = trials.copies(smaller) }
end

--- Gathers what `readiness.judge` needs.
-- @tparam Settings options those of the command line and the environment
-- @string[opt] name of a program
-- @treturn Facts
function gathering.facts(options, name)
    local program = name and program_facts(name, hosts.describe()) or nil
    local settings = settings_of(program, options)
    local host = hosts.describe(settings.page_size)
    local allowed, why, errno = core.probe_counter()
    local result = {
        command = program,
        programs = { path = PROGRAMS, filesystem = filesystem.of("", A_PROGRAM, host) },
        settings = settings,
        smaller = not settings.page_size and smaller_pages(host) or nil,
        copies = trials.copies(host),
        copies_folder = copies_folder(host),
        ptrace = trials.ptrace(),
        counter = { ok = allowed or false, why = why, errno = errno },
        is_first = core.getpid() == 1,
    }
    for field, value in pairs(facts.read("", host)) do result[field] = value end
    return result
end

return gathering
