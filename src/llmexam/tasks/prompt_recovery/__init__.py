"""The task prompt recovery: which prompt turned this text into that one?"""
