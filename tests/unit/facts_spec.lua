-- SPDX-License-Identifier: Apache-2.0
-- Facts read from a folder that stands for /: limits, pools by node, filesystems, containers.

local facts = require "tiexec.check.facts"
local filesystem = require "tiexec.harness.filesystem"
local support = require "tests.lib.support"

local MIB <const> = 1 << 20
local host <const> = { huge_page_size = 2 * MIB, kernel_version = { 6, 1 } }

-- A root with these files; a value that begins with "-> " is a symbolic link.
local function root(files)
    local folder = support.folder()
    for path, text in pairs(files) do
        local full = folder.path .. path
        assert(os.execute("mkdir -p " .. support.quote { full:match("^(.*)/") }))
        local target = text:match("^%-> (.*)$")
        if target then
            assert(os.execute("ln -s " .. support.quote { target, full }))
        else
            support.write_file(full, text)
        end
    end
    return folder
end

local function read(files, of)
    local folder <close> = root(files)
    return facts.read(folder.path, of or host)
end

local CGROUP2 <const> = "30 20 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"

describe("the control group's limits", function()
    it("are those of the group or the strictest above it", function()
        local found = read {
            ["/proc/self/mountinfo"] = CGROUP2,
            ["/proc/self/cgroup"] = "0::/a/b\n",
            ["/sys/fs/cgroup/a/b/memory.max"] = "max\n",
            ["/sys/fs/cgroup/a/memory.max"] = "1048576000\n",
            ["/sys/fs/cgroup/a/b/hugetlb.2MB.max"] = "8388608\n",
            ["/sys/fs/cgroup/a/hugetlb.2MB.max"] = "max\n",
            ["/sys/fs/cgroup/a/b/hugetlb.1GB.max"] = "0\n",
        }
        assert.same({ bytes = 1048576000, file = "/sys/fs/cgroup/a/memory.max" }, found.memory)
        assert.same({ bytes = 8388608, file = "/sys/fs/cgroup/a/b/hugetlb.2MB.max" }, found.hugetlb)
    end)

    it("0 is a limit, and what the kernel calls no limit is none", function()
        local found = read {
            ["/proc/self/mountinfo"] = "30 20 0:26 / /cg/memory rw - cgroup cgroup rw,memory\n"
                .. "31 20 0:27 / /cg/hugetlb rw - cgroup cgroup rw,hugetlb\n",
            ["/proc/self/cgroup"] = "5:hugetlb:/x\n4:memory,other:/x\n0::/\n",
            ["/cg/memory/x/memory.limit_in_bytes"] = "9223372036854771712\n",
            ["/cg/hugetlb/x/hugetlb.2MB.limit_in_bytes"] = "0\n",
        }
        assert.is_nil(found.memory)
        assert.same({ bytes = 0, file = "/cg/hugetlb/x/hugetlb.2MB.limit_in_bytes" }, found.hugetlb)
    end)

    it("a part of the hierarchy is mounted, as in a container", function()
        local found = read {
            ["/proc/self/mountinfo"] = "30 20 0:26 /docker/id /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
            ["/proc/self/cgroup"] = "0::/docker/id\n",
            ["/sys/fs/cgroup/memory.max"] = "4194304\n",
        }
        assert.equal(4194304, found.memory.bytes)
    end)

    it("name huge pages as the kernel does", function()
        local found = read({
            ["/proc/self/mountinfo"] = CGROUP2, ["/proc/self/cgroup"] = "0::/\n",
            ["/sys/fs/cgroup/hugetlb.512MB.max"] = "0\n",
        }, { huge_page_size = 512 * MIB })
        assert.equal(0, found.hugetlb.bytes)
    end)

    it("none are known without /proc", function()
        local found = read {}
        assert.is_nil(found.memory or found.hugetlb or found.container or found.pid_namespace)
        assert.same({}, found.nodes)
    end)
end)

describe("pools", function()
    it("are told node by node, in order", function()
        local at = "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/"
        local files = { ["/sys/devices/system/node/node3/cpumap"] = "1" }
        for node, pair in pairs { [10] = { 4, 1 }, [2] = { 8, 8 } } do
            files[at:format(node) .. "nr_hugepages"] = pair[1] .. "\n"
            files[at:format(node) .. "free_hugepages"] = pair[2] .. "\n"
        end
        assert.same({ { node = 2, total = 8, free = 8 }, { node = 10, total = 4, free = 1 } }, read(files).nodes)
    end)
end)

describe("the switch of THP", function()
    local own <const> = "/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled"
    for text, path in pairs {
        ["always inherit madvise [never]"] = own,
        ["always [inherit] madvise never"] = "/sys/kernel/mm/transparent_hugepage/enabled",
    } do
        it(text, function() assert.equal(path, read({ [own] = text }).thp_switch) end)
    end
end)

describe("containers and namespaces", function()
    it("are told by what they leave about", function()
        assert.equal("docker", read({ ["/.dockerenv"] = "" }).container)
        assert.equal("podman", read({ ["/run/.containerenv"] = "" }).container)
        assert.equal("lxc", read({ ["/proc/1/environ"] = "PATH=/bin\0container=lxc\0" }).container)
        assert.is_nil(read({ ["/proc/1/environ"] = "no_container=lxc\0" }).container)
    end)

    it("the first pid namespace has a number of its own", function()
        assert.is_false(read({ ["/proc/self/ns/pid"] = "-> pid:[4026531836]" }).pid_namespace)
        assert.is_true(read({ ["/proc/self/ns/pid"] = "-> pid:[4026532999]" }).pid_namespace)
    end)
end)

describe("the filesystem of a path", function()
    local MOUNTS <const> = "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
        .. "28 27 8:1 / /usr rw,noexec shared:1 - xfs /dev/sda1 rw\n"
        .. "29 27 0:30 / /usr/my\\040data rw - tmpfs tmpfs rw,size=1k\n"
        .. "31 27 0:31 / /over rw - overlay overlay rw\n"

    local function at(path, version, more, mode)
        local files = { ["/proc/self/mountinfo"] = MOUNTS }
        for name, text in pairs(more or {}) do files[name] = text end
        local folder <close> = root(files)
        local of = { kernel_version = version or { 6, 1 }, shmem_thp = mode or "never" }
        return filesystem.of(folder.path, path, of)
    end

    it("is that of the longest mount point", function()
        assert.equal("ext4", at("/bin/x").type)
        assert.equal("xfs", at("/usr/bin/x").type)
        assert.equal("ext4", at("/usrbin/x").type)
        assert.equal("tmpfs", at("/usr/my data/x").type)
        assert.is_true(at("/usr/x").noexec)
        assert.is_false(at("/bin/x").noexec)
    end)

    it("is that of the file behind links", function()
        assert.equal("xfs", at("/bin/x", nil, { ["/bin/x"] = "-> /etc/y", ["/etc/y"] = "-> ../usr/z" }) and
            at("/bin/x", nil, { ["/bin/x"] = "-> /usr/z" }).type)
    end)

    it("has large folios since a kernel; of others nothing is said", function()
        assert.is_false(at("/bin/x", { 6, 15 }).large_folios)
        assert.equal("ext4 has huge pages in the page cache since Linux 6.16", at("/bin/x", { 6, 15 }).why)
        assert.is_true(at("/bin/x", { 6, 16 }).large_folios)
        assert.is_true(at("/bin/x", { 7, 0 }).large_folios)
        assert.is_true(at("/usr/x", { 5, 18 }).large_folios)
        assert.is_false(at("/usr/x", { 4, 19 }).large_folios)
        assert.is_nil(at("/over/x").large_folios)
        assert.is_true(at("/usr/my data/x").large_folios)
        assert.is_false(at("/usr/my data/x", { 6, 0 }).large_folios)
        local denied = at("/usr/my data/x", nil, nil, "deny")
        assert.same({ false, "huge pages are denied to tmpfs (shmem_enabled)" }, { denied.large_folios, denied.why })
    end)
end)
