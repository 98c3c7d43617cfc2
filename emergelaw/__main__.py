"""`python -m emergelaw` is the command `emergelaw`."""

from emergelaw.cli import main

if __name__ == "__main__":
    main()
