import adql.db.FunctionDef;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import uk.ac.starlink.vo.AdqlValidator;

/** Checks queries as TOPCAT does while they are typed: with its own class, and the functions that a service declares.
 *
 *  Reads lines from standard input. "S signature" declares a function, "Q query" checks a query against all that were
 *  declared before. Writes a line for each: "ok", or what is wrong.
 */
public class AdqlChecker {
    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        List<FunctionDef> functions = new ArrayList<>();
        String line;
        while ((line = in.readLine()) != null) {
            String text = line.substring(2);
            try {
                if (line.startsWith("S ")) {
                    functions.add(FunctionDef.parse(text));
                } else {
                    FunctionDef[] declared = functions.toArray(new FunctionDef[0]);
                    new AdqlValidator(new AdqlValidator.ValidatorTable[] {new Rows()}, declared, null).validate(text);
                }
                out.println("ok");
            } catch (Throwable error) {
                out.println(String.valueOf(error.getMessage()).replace('\n', ' '));
            }
        }
    }

    /** A table of some columns. */
    private static class Rows implements AdqlValidator.ValidatorTable {
        public String getTableName() {
            return "test.moments";
        }

        public String getSchemaName() {
            return "test";
        }

        public Collection<String> getColumnNames() {
            return Arrays.asList("n", "seen");
        }
    }
}
