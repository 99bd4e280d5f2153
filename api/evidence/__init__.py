"""Evidence: what is handed to somebody who must be convinced, and can be checked with nothing of the desk at hand.

``making``     collects a ticket's events, entries, proofs and keys from a desk
``bundle``     those as files, and back
``archive``    the files as one file, and back
``checking``   whether it all holds
``story``      the same in words
``document``   the words as a document for people
"""
