"""The script that Streamlit runs for every session."""

from ui.app import main

main()
