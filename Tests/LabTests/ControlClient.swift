/// A client of `swiftlet serve` for scripts in the lab.
enum ControlClient {
    /// Shell functions. `start_server FILE` starts a server with its stderr in FILE and its number in $pid, which ends when
    /// descriptor 3 is closed. `request METHOD PARAMETERS` prints the method's name when the request is granted, and
    /// otherwise its answer too. `await TEXT` waits until the file $guest has TEXT.
    static let functions = """
        start_server() {
            rm -f requests answers
            mkfifo requests
            timeout -s KILL 120 swiftlet serve <requests >answers 2>$1 & pid=$!
            exec 3>requests
            number=0
        }
        request() {
            number=$((number + 1))
            # Without quotes around the parameters, which become one line.
            echo '{"jsonrpc":"2.0","id":'$number',"method":"'$1'","params":'$2'}' >&3
            for try in $(seq 400); do
                answer=$(grep "\\"id\\":$number,\\"jsonrpc\\"" answers) && break
                usleep 50000
            done
            case $answer in
            *'"result"'*) echo "$1" ;;
            *) echo "$1 $2: $answer" ;;
            esac
        }
        await() {
            for try in $(seq 600); do
                grep -q "$1" $guest && return
                usleep 50000
            done
            echo "no '$1'"
        }

        """
}
