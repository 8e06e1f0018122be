// SPDX-License-Identifier: Apache-2.0
// What the programs of this folder have in common: one line for each thing that is looked at.
final class Test {
    private static boolean failed;

    interface Body { void run() throws Throwable; }

    static synchronized void is(String name, boolean right) {
        if (!right) failed = true;
        System.out.println((right ? "pass " : "fail ") + name);
    }

    /** Passes if the body throws what is expected. */
    static boolean throwsA(Class<? extends Throwable> expected, Body body) {
        try {
            body.run();
        } catch (Throwable thrown) {
            return expected.isInstance(thrown);
        }
        return false;
    }

    static void end() { System.exit(failed ? 1 : 0); }

    /** Runs another program, with this JVM's own file where the first word is "java"; null if it takes too long. */
    static String[] run(String... words) throws Exception {
        if (words[0].equals("java")) words[0] = System.getProperty("java.home") + "/bin/java";
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes());
        return new String[] { String.valueOf(process.waitFor()), output };
    }
}
